"""Resources that runs left are removed; all others stay. Resources are made by Google's clients."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from contract import ServingSpec, naming
from retraining import purge
from retraining.context import GoogleServices
from retraining.purge import Selection

_numbers = itertools.count(1)
NOTHING: dict[str, list[str]] = {"jobs": [], "versions": [], "endpoints": [], "files": []}
EVERYTHING_OLD = "0h"


@dataclass
class Dataset:
    """A dataset of which some runs are over.

    Attributes:
        name: of its own for each test.
        bucket: of the deployment.
        vertex: the clients.
    """

    name: str
    bucket: str
    vertex: Any

    @property
    def names(self) -> naming.DatasetNames:
        return naming.DatasetNames(
            deployment=naming.DEFAULT_DEPLOYMENT, bucket=self.bucket, dataset=self.name
        )

    def run(self, run_id: str) -> str:
        """A run that trained and made a version; its version's resource name."""
        slug = self.slug(run_id)
        labels = {**self.names.labels, naming.RUN_LABEL: slug}
        self.vertex.run_job(labels=labels)
        folder = self.names.run_folder(slug)
        self.vertex.write(f"{folder}file with spaces.txt", "content")
        self.vertex.write(self.names.raw_folder(slug) + "raw.txt", "content")
        self.vertex.write(f"{folder}{naming.MODEL_FOLDER}weights", "good")
        known = [model.name for model in self.vertex.models.list_models(parent=self.vertex.parent)]
        parent = f"{self.vertex.parent}/models/{self.name}"
        request = {"parent_model": parent} if parent in known else {"model_id": self.name}
        artifact = folder + naming.MODEL_FOLDER.rstrip("/")
        made = self.vertex.upload(request=request, labels=labels, artifact_uri=artifact)
        return f"{made.model}@{made.model_version_id}"

    def promote(self, version: str) -> None:
        self.vertex.deploy(self.endpoint(self.names.production_endpoint), version, {"0": 100})

    def endpoint(self, endpoint_id: str) -> str:
        """An endpoint with the dataset's label; its resource name."""
        services = GoogleServices.from_environment()
        with closing(services.clients):
            services.endpoints.ensure(endpoint_id, self.names, ServingSpec())
            return services.endpoints.name(endpoint_id)

    def slug(self, run_id: str) -> str:
        return naming.run_slug(naming.dag_id(self.name), run_id)

    def purge(self, *arguments: str) -> int:
        return purge.main(["--dataset", self.name, "--yes", *arguments])

    def left(self) -> dict[str, list[str]]:
        """Remaining resources, by kind."""
        vertex, label = self.vertex, f'labels.{naming.DATASET_LABEL}="{self.name}"'
        bucket = vertex.emulator.root / "buckets" / self.bucket
        models = vertex.models.list_models(parent=vertex.parent)
        model = next((model.name for model in models if model.name.endswith(f"/{self.name}")), None)
        request = {"parent": vertex.parent, "filter": label}
        ids = {self.names.production_endpoint, self.names.candidate_endpoint}
        found = vertex.endpoints.list_endpoints(parent=vertex.parent)
        return {
            "jobs": [job.labels[naming.RUN_LABEL] for job in vertex.jobs.list_custom_jobs(request=request)],
            "versions": sorted(v.version_id for v in vertex.models.list_model_versions(name=model))
            if model
            else [],
            "endpoints": sorted(ids & {endpoint.name.rpartition("/")[2] for endpoint in found}),
            "files": sorted(
                str(file.relative_to(bucket))
                for file in bucket.rglob("*.txt")
                if self.name in Path(file.relative_to(bucket)).parts
            ),
        }


@pytest.fixture
def vertex(emulator: Any, vertex_of: Callable[[Any, str], Any], chain: Any) -> Any:
    return vertex_of(emulator, chain.project)


@pytest.fixture
def dataset(chain: Any, vertex: Any) -> Dataset:
    return Dataset(name=f"purged{next(_numbers)}", bucket=chain.bucket, vertex=vertex)


def test_purge_of_a_run_leaves_the_others_and_the_raw_data(dataset: Dataset) -> None:
    dataset.run("manual__2026-01-01T00:00:00+00:00")
    dataset.run("manual__2026-02-01T00:00:00+00:00")
    assert dataset.purge("--run", "manual__2026-02-01T00:00:00+00:00") == 0
    first, second = (dataset.slug(f"manual__2026-0{month}-01T00:00:00+00:00") for month in (1, 2))
    assert dataset.left() == {
        "jobs": [first],
        "versions": ["1"],
        "endpoints": [],
        "files": sorted(
            [
                f"datasets/{dataset.name}/raw/{first}/raw.txt",
                f"datasets/{dataset.name}/raw/{second}/raw.txt",
                f"runs/{dataset.name}/{first}/file with spaces.txt",
            ]
        ),
    }


def test_purge_of_the_only_run_takes_the_model_with_it(dataset: Dataset) -> None:
    dataset.run("manual__1")
    assert dataset.purge("--run", dataset.slug("manual__1")) == 0
    left = dataset.left()
    assert (left["jobs"], left["versions"]) == ([], [])
    assert dataset.purge() == 0
    assert dataset.left()["files"] == []


def test_purge_of_the_default_version_is_refused_while_there_are_others(
    dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset.run("manual__1")
    dataset.run("manual__2")
    before = dataset.left()
    assert dataset.purge("--run", "manual__1") == 1
    assert f"version 1 of {dataset.name} is the model's default" in capsys.readouterr().err
    assert dataset.left() == before


@pytest.mark.parametrize("name", ["", "yellow_taxi"])
def test_purge_of_what_production_serves_is_refused_and_leaves_everything(
    dataset: Dataset, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset.name = name or dataset.name
    dataset.promote(dataset.run("manual__1"))
    before = dataset.left()
    for arguments in ([], ["--run", "manual__1"]):
        assert dataset.purge(*arguments) == 1
        error = capsys.readouterr().err
        assert f"production serves version 1 of {dataset.name}" in error
        assert "--with-production" in error
    assert dataset.left() == before
    assert dataset.purge("--with-production") == 0
    assert dataset.left() == NOTHING


def test_purge_counts_what_another_endpoint_serves_as_production(
    dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    version = dataset.run("manual__1")
    endpoint = dataset.vertex.create_endpoint("somebody-elses").name
    dataset.vertex.deploy(endpoint, version, {"0": 100})
    before = dataset.left()
    assert dataset.purge() == 1
    assert "production serves version 1" in capsys.readouterr().err
    assert dataset.left() == before
    assert dataset.purge("--with-production") == 0
    assert dataset.left() == NOTHING
    assert dataset.vertex.endpoints.get_endpoint(name=endpoint).deployed_models == []


def test_purge_takes_a_version_off_the_candidate_endpoint(dataset: Dataset) -> None:
    version = dataset.run("manual__1")
    endpoint = dataset.endpoint(dataset.names.candidate_endpoint)
    dataset.vertex.deploy(endpoint, version, {"0": 100})
    assert dataset.purge("--run", "manual__1") == 0
    assert dataset.left()["versions"] == []
    assert dataset.left()["endpoints"] == [dataset.names.candidate_endpoint]


def test_purge_of_a_dataset_leaves_those_whose_names_begin_alike(dataset: Dataset) -> None:
    others = [
        Dataset(name=dataset.name + end, bucket=dataset.bucket, vertex=dataset.vertex) for end in ("_2", "2")
    ]
    for one in (dataset, *others):
        one.run("manual__1")
    before = [other.left() for other in others]
    assert dataset.purge() == 0
    assert dataset.left() == NOTHING
    assert [other.left() for other in others] == before


def test_purge_of_a_run_that_goes_on_ends_its_job(dataset: Dataset) -> None:
    labels = {**dataset.names.labels, naming.RUN_LABEL: "still-going"}
    dataset.vertex.create_job("--seconds", "600", labels=labels)
    assert dataset.purge("--run", "still-going") == 0
    assert dataset.left()["jobs"] == []


def test_purge_of_a_run_that_is_tuning_ends_its_search(dataset: Dataset) -> None:
    vertex = dataset.vertex
    parameter = {"parameter_id": "seconds", "double_value_spec": {"min_value": 500, "max_value": 600}}
    search = {
        "display_name": "search",
        "labels": {**dataset.names.labels, naming.RUN_LABEL: "still-tuning"},
        "study_spec": {
            "metrics": [{"metric_id": "accuracy", "goal": "MAXIMIZE"}],
            "parameters": [parameter],
        },
        "max_trial_count": 1,
        "parallel_trial_count": 1,
        "trial_job_spec": {"worker_pool_specs": [vertex.container_pool()]},
    }
    vertex.jobs.create_hyperparameter_tuning_job(parent=vertex.parent, hyperparameter_tuning_job=search)
    assert dataset.purge("--run", "still-tuning") == 0
    assert not list(vertex.jobs.list_hyperparameter_tuning_jobs(parent=vertex.parent))


def test_purge_of_an_unknown_run_names_those_there_are(
    dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset.run("manual__1")
    with pytest.raises(SystemExit, match="2"):
        dataset.purge("--run", "manual__7")
    assert f"--run: expected one of ['{dataset.slug('manual__1')}']" in capsys.readouterr().err


def test_purge_of_nothing_says_so(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert dataset.purge() == 0
    assert f"There is nothing of {dataset.name}" in capsys.readouterr().out


def test_purge_that_is_declined_leaves_everything(
    dataset: Dataset, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    dataset.run("manual__1")
    before = dataset.left()
    services = GoogleServices.from_environment()
    selection = Selection(dataset=dataset.name)
    assert not purge.purge(services, [selection], confirm=lambda: False, console=Console(width=200))
    assert purge.main(["--dataset", dataset.name]) == 1  # nobody is at the terminal
    assert dataset.left() == before
    shown = capsys.readouterr().out
    assert f"runs/{dataset.name}/ (2 objects)" in shown
    assert f"models/{dataset.name}@1" in shown


def test_purge_by_age_leaves_newer_runs_and_raw_data(dataset: Dataset) -> None:
    dataset.run("manual__1")
    dataset.run("manual__2")
    cutoff = datetime.now(UTC)
    dataset.run("manual__3")
    selection = Selection(dataset=dataset.name, before=cutoff)
    services = GoogleServices.from_environment()
    assert purge.purge(services, [selection], confirm=lambda: True, console=Console())
    slugs = {number: dataset.slug(f"manual__{number}") for number in (1, 2, 3)}
    left = dataset.left()
    # The first version is the model's default, which stays while there are others.
    assert left["versions"] == ["1", "3"]
    assert sorted(left["jobs"]) == sorted([slugs[1], slugs[3]])
    assert [file for file in left["files"] if file.startswith("runs/")] == sorted(
        f"runs/{dataset.name}/{slugs[number]}/file with spaces.txt" for number in (1, 3)
    )
    assert sum(file.startswith("datasets/") for file in left["files"]) == 3


def test_purge_by_age_of_all_datasets_leaves_what_production_serves_and_was_made_of(
    dataset: Dataset,
) -> None:
    served = Dataset(name=f"{dataset.name}_served", bucket=dataset.bucket, vertex=dataset.vertex)
    dataset.run("manual__1")
    served.run("manual__1")
    version = served.run("manual__2")
    served.promote(version)
    served.vertex.models.merge_version_aliases(name=version, version_aliases=[naming.DEFAULT_ALIAS])
    assert purge.main(["--older-than", EVERYTHING_OLD, "--yes"]) == 0
    assert dataset.left() == {
        **NOTHING,
        "files": [f"datasets/{dataset.name}/raw/{dataset.slug('manual__1')}/raw.txt"],
    }
    first, second = served.slug("manual__1"), served.slug("manual__2")
    assert served.left() == {
        "jobs": [second],
        "versions": ["2"],
        "endpoints": [served.names.production_endpoint],
        "files": [
            f"datasets/{served.name}/raw/{first}/raw.txt",
            f"datasets/{served.name}/raw/{second}/raw.txt",
            f"runs/{served.name}/{second}/file with spaces.txt",
        ],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected --dataset or --older-than"),
        (["--run", "manual__1"], "--run: expected --dataset"),
        (["--dataset", "d", "--run", "r", "--older-than", "1d"], "--run: expected --dataset, and no"),
        (["--older-than", "a month"], "expected an age, .*, received 'a month'"),
        (["--dataset", "../runs"], r"expected a dataset's name, received '\.\./runs'"),
    ],
)
def test_purge_with_wrong_arguments_names_them(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        purge.main(arguments)
    assert re.search(message, capsys.readouterr().err)


def test_purge_leaves_the_traffic_of_other_deployments(dataset: Dataset) -> None:
    first, second = dataset.run("manual__1"), dataset.run("manual__2")
    vertex = dataset.vertex
    vertex.models.merge_version_aliases(name=second, version_aliases=[naming.DEFAULT_ALIAS])
    endpoint = dataset.endpoint(dataset.names.production_endpoint)
    old = vertex.deploy(endpoint, first, {"0": 100})
    new = vertex.deploy(endpoint, second, {"0": 50, old.id: 50})
    assert dataset.purge("--run", "manual__1", "--with-production") == 0
    found = vertex.endpoints.get_endpoint(name=endpoint)
    assert [one.id for one in found.deployed_models] == [new.id]
    assert dict(found.traffic_split) == {new.id: 100}


def test_purge_by_age_leaves_a_version_to_which_production_can_roll_back(dataset: Dataset) -> None:
    dataset.run("manual__0")
    first, second = dataset.run("manual__1"), dataset.run("manual__2")
    vertex = dataset.vertex
    vertex.models.merge_version_aliases(name=second, version_aliases=[naming.DEFAULT_ALIAS])
    endpoint = dataset.endpoint(dataset.names.production_endpoint)
    vertex.deploy(endpoint, first, {"0": 100})
    vertex.deploy(endpoint, second, {"0": 100})
    assert dataset.purge("--older-than", EVERYTHING_OLD) == 0
    assert dataset.left()["versions"] == ["2", "3"]
    assert len(vertex.endpoints.get_endpoint(name=endpoint).deployed_models) == 2


def test_purge_by_age_leaves_the_folder_of_a_job_that_goes_on(dataset: Dataset) -> None:
    labels = {**dataset.names.labels, naming.RUN_LABEL: "still-going"}
    job = dataset.vertex.create_job("--seconds", "600", labels=labels)
    checkpoint = f"{dataset.names.run_folder('still-going')}checkpoints/1.txt"
    dataset.vertex.write(checkpoint, "content")
    assert dataset.purge("--older-than", EVERYTHING_OLD) == 0
    left = dataset.left()
    dataset.vertex.jobs.cancel_custom_job(name=job.name)
    assert left["jobs"] == ["still-going"]
    assert left["files"] == [checkpoint.removeprefix(f"gs://{dataset.bucket}/")]


def test_purge_leaves_a_folder_deep_in_which_a_remaining_version_lies(dataset: Dataset) -> None:
    version = dataset.run("manual__1")
    vertex, folder = dataset.vertex, dataset.names.run_folder(dataset.slug("manual__1"))
    best = f"{folder}tune/0/3/{naming.MODEL_FOLDER}"
    vertex.write(f"{best}weights", "good")
    request = {"parent_model": version.partition("@")[0]}
    other = vertex.upload(request=request, artifact_uri=best, labels=dataset.names.labels)
    aliases = [naming.DEFAULT_ALIAS]
    vertex.models.merge_version_aliases(name=f"{other.model}@2", version_aliases=aliases)
    assert dataset.purge("--run", "manual__1") == 0
    assert dataset.left()["versions"] == ["2"]
    assert vertex.file(f"{best}weights").exists()


def test_purge_leaves_what_is_not_labelled_as_the_datasets(dataset: Dataset) -> None:
    vertex = dataset.vertex
    vertex.upload(request={"model_id": dataset.name})
    vertex.create_endpoint(dataset.names.production_endpoint)
    assert dataset.purge() == 0
    assert dataset.purge("--older-than", EVERYTHING_OLD) == 0
    left = dataset.left()
    assert (left["versions"], left["endpoints"]) == (["1"], [dataset.names.production_endpoint])
