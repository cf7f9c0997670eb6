"""What runs left on a stack is removed; what others left stays. Resources are made by Google's clients."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.environment import BUCKET, PROJECT
from local.errors import StackError
from local.forget.command import forget
from retraining.context import Run

_numbers = itertools.count(1)


@dataclass
class Dataset:
    """A dataset of which some runs are over.

    Attributes:
        name: of its own for each test.
        vertex: the clients.
    """

    name: str
    vertex: Any

    def run(self, run_id: str) -> str:
        """A run that trained and made a version; its version's resource name."""
        slug = self.slug(run_id)
        labels = {"perennial_dataset": self.name, "perennial_run": slug}
        self.vertex.run_job(labels=labels)
        for folder in (f"runs/{self.name}/{slug}", f"datasets/{self.name}/raw/{slug}"):
            self.vertex.write(f"gs://{BUCKET}/{folder}/file with spaces.txt", "content")
        known = [model.name for model in self.vertex.models.list_models(parent=self.vertex.parent)]
        parent = f"{self.vertex.parent}/models/{self.name}"
        request = {"parent_model": parent} if parent in known else {"model_id": self.name}
        made = self.vertex.upload(request=request, labels=labels)
        return f"{made.model}@{made.model_version_id}"

    def slug(self, run_id: str) -> str:
        run = {"dag_id": f"{self.name}_training", "run_id": run_id}
        return Run(**run, data_until=None).slug  # type: ignore[arg-type]

    def forget(self, run_id: str | None = None, *, with_production: bool = False) -> bool:
        url = f"http://localhost:{self.vertex.emulator.port}"
        return forget(url, dataset=self.name, run=run_id, yes=True, with_production=with_production)

    def left(self) -> dict[str, list[str]]:
        """What there still is, by kind."""
        vertex, label = self.vertex, f'labels.perennial_dataset="{self.name}"'
        bucket = vertex.emulator.root / "buckets" / BUCKET
        models = vertex.models.list_models(parent=vertex.parent)
        model = next((model.name for model in models if model.name.endswith(f"/{self.name}")), None)
        request = {"parent": vertex.parent, "filter": label}
        return {
            "jobs": [job.labels["perennial_run"] for job in vertex.jobs.list_custom_jobs(request=request)],
            "versions": [v.version_id for v in vertex.models.list_model_versions(name=model)]
            if model
            else [],
            "endpoints": [
                endpoint.name.rpartition("/")[2]
                for endpoint in vertex.endpoints.list_endpoints(parent=vertex.parent)
                if self.name in endpoint.name
            ],
            "files": sorted(
                str(file.relative_to(bucket))
                for file in bucket.rglob("*.txt")
                if self.name in Path(file.relative_to(bucket)).parts
            ),
        }


@pytest.fixture
def dataset(emulator: Any, vertex_of: Callable[[Any, str], Any]) -> Dataset:
    vertex = vertex_of(emulator, PROJECT)
    response = httpx.post(f"{emulator.url}/storage/v1/b", params={"project": PROJECT}, json={"name": BUCKET})
    assert response.status_code in {200, 409}
    return Dataset(name=f"forgotten{next(_numbers)}", vertex=vertex)


def test_forget_of_a_run_leaves_the_others_and_the_raw_data(dataset: Dataset) -> None:
    dataset.run("manual__2026-01-01T00:00:00+00:00")
    dataset.run("manual__2026-02-01T00:00:00+00:00")
    assert dataset.forget("manual__2026-02-01T00:00:00+00:00")
    first, second = (dataset.slug(f"manual__2026-0{month}-01T00:00:00+00:00") for month in (1, 2))
    assert dataset.left() == {
        "jobs": [first],
        "versions": ["1"],
        "endpoints": [],
        "files": sorted(
            [
                f"datasets/{dataset.name}/raw/{first}/file with spaces.txt",
                f"datasets/{dataset.name}/raw/{second}/file with spaces.txt",
                f"runs/{dataset.name}/{first}/file with spaces.txt",
            ]
        ),
    }


def test_forget_of_the_only_run_takes_the_model_with_it(dataset: Dataset) -> None:
    dataset.run("manual__1")
    assert dataset.forget(dataset.slug("manual__1"))
    left = dataset.left()
    assert (left["jobs"], left["versions"]) == ([], [])
    assert dataset.forget()
    assert dataset.left()["files"] == []


def test_forget_of_the_default_version_is_refused_while_there_are_others(dataset: Dataset) -> None:
    dataset.run("manual__1")
    dataset.run("manual__2")
    before = dataset.left()
    with pytest.raises(StackError, match=r"version 1 of .* is the model's default; promote another"):
        dataset.forget("manual__1")
    assert dataset.left() == before


def test_forget_of_what_production_serves_wants_a_word_more(dataset: Dataset) -> None:
    version = dataset.run("manual__1")
    endpoint = dataset.vertex.create_endpoint(dataset.name).name
    dataset.vertex.deploy(endpoint, version, {"0": 100})
    before = dataset.left()
    with pytest.raises(StackError, match=r"production serves version 1 of .*--with-production"):
        dataset.forget()
    assert dataset.left() == before
    assert dataset.forget(with_production=True)
    assert dataset.left() == {"jobs": [], "versions": [], "endpoints": [], "files": []}


def test_forget_of_a_run_that_goes_on_ends_its_job(dataset: Dataset) -> None:
    labels = {"perennial_dataset": dataset.name, "perennial_run": "still-going"}
    dataset.vertex.create_job("--seconds", "600", labels=labels)
    assert dataset.forget()
    assert dataset.left()["jobs"] == []


def test_forget_of_an_unknown_run_names_those_there_are(dataset: Dataset) -> None:
    dataset.run("manual__1")
    with pytest.raises(StackError, match=rf"--run: expected one of \['{dataset.slug('manual__1')}'\]"):
        dataset.forget("manual__7")


def test_forget_of_nothing_says_so(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert dataset.forget()
    assert f"There is nothing of {dataset.name}" in capsys.readouterr().out
