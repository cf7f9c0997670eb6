from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contract import ContractError, naming
from contract.naming import MOUNT_VARIABLE, DatasetNames, Identity, has_mount, mounted_path

DATASETS = st.from_regex(r"[a-z]([a-z0-9_]{0,38}[a-z0-9])?", fullmatch=True).filter(
    lambda name: not name.endswith("_candidate") and "__" not in name
)
DEPLOYMENTS = st.one_of(
    st.just(naming.DEFAULT_DEPLOYMENT),
    st.from_regex(r"[a-z]([a-z0-9-]{0,9}[a-z0-9])?", fullmatch=True).filter(lambda name: "--" not in name),
)
RUNS = st.text(min_size=1, max_size=250)
INPUTS = st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.floats(allow_nan=False), st.text()))
IDENTITY = Identity(
    deployment="dev", dataset="flowers", run="manual-1-a", task="train", inputs="44136fa355b3"
)
FLOWERS = DatasetNames(deployment="default", bucket="b", dataset="flowers")


def identity(deployment: str, dataset: str, run: str, inputs: dict[str, object]) -> Identity:
    slug = naming.run_slug(naming.dag_id(dataset), run)
    return Identity(
        deployment=deployment, dataset=dataset, run=slug, task="train", inputs=naming.digest(inputs)
    )


@given(DEPLOYMENTS, DATASETS, RUNS, INPUTS)
def test_names_of_anything_are_what_google_takes(
    deployment: str, dataset: str, run: str, inputs: dict[str, object]
) -> None:
    naming.check_deployment_name(deployment)
    naming.check_dataset_name(dataset)
    names = DatasetNames(deployment=deployment, bucket="b", dataset=dataset)
    for endpoint in (names.production_endpoint, names.candidate_endpoint):
        assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", endpoint)
    assert re.fullmatch(r"[a-z_][a-z0-9_-]{0,62}", names.model)
    job = names.conversion_job("0123456789abcdef-0123456789ab")
    assert re.fullmatch(r"[a-z]([-a-z0-9]{0,1022}[a-z0-9])?", job)
    made = identity(deployment, dataset, run, inputs)
    for label, value in made.labels.items():
        assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", label)
        assert re.fullmatch(r"[a-z0-9_-]{0,63}", value)
    folder = names.job_folder(made, "w")
    assert re.fullmatch(r"gs://b(/[a-z0-9_-]+)+/", folder)
    assert folder.startswith(names.runs_folder)


@given(st.tuples(DEPLOYMENTS, DATASETS, RUNS, INPUTS), st.data())
def test_whatever_differs_in_anything_has_other_names_everywhere(
    one: tuple[str, str, str, dict[str, object]], data: st.DataObject
) -> None:
    other = data.draw(
        st.tuples(
            *(
                st.one_of(st.just(part), of)
                for part, of in zip(one, (DEPLOYMENTS, DATASETS, RUNS, INPUTS), strict=True)
            )
        )
    )
    assume(json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True))
    made = [identity(*parts) for parts in (one, other)]
    names = [DatasetNames(deployment=parts[0], bucket="b", dataset=parts[1]) for parts in (one, other)]
    assert made[0].labels != made[1].labels
    assert made[0].filter != made[1].filter
    assert names[0].job_folder(made[0], "w") != names[1].job_folder(made[1], "w")
    if one[:2] != other[:2]:
        assert len({name for of in names for name in (of.production_endpoint, of.candidate_endpoint)}) == 4
        for first, second in itertools.product(names, reversed(names)):
            if first is not second:
                assert first.model != second.model
                assert first.conversion_job("k") != second.conversion_job("k")
                for folder in (first.runs_folder, first.data_folder):
                    assert not folder.startswith((second.runs_folder, second.data_folder))
                assert not first.owns(second.labels)


@pytest.mark.parametrize("name", ["", "2", "Dev", "a--b", "a-", "-a", "a_b", "a" * 12, "größe"])
def test_check_deployment_name_of_one_that_is_no_such_word_names_it(name: str) -> None:
    with pytest.raises(ContractError) as caught:
        naming.check_deployment_name(name)
    assert (caught.value.field, caught.value.received) == ("deployment", name)


@pytest.mark.parametrize(
    "name", ["", "2024_sales", "_a", "sales_", "A", "größe", "a-b", "a" * 41, "b_candidate", "a__b"]
)
def test_check_dataset_name_of_one_that_google_refuses_or_that_is_taken_names_it(name: str) -> None:
    with pytest.raises(ContractError) as caught:
        naming.check_dataset_name(name)
    assert (caught.value.field, caught.value.received) == ("name", name)


def test_dataset_of_a_training_dag_is_its_own() -> None:
    assert naming.dataset_of(naming.dag_id("yellow_taxi")) == "yellow_taxi"
    assert naming.dataset_of("housekeeping") is None


def test_run_slug_is_readable_and_always_the_same() -> None:
    slug = naming.run_slug("flowers_training", "manual__2026-01-31T12:00:00+00:00")
    assert slug == naming.run_slug("flowers_training", "manual__2026-01-31T12:00:00+00:00")
    assert re.fullmatch(r"manual-2026-01-31t12-00-00-00-00-[0-9a-f]{12}", slug)


def test_run_slug_of_distinct_runs_is_distinct() -> None:
    runs = [("a", "x y"), ("a", "x-y"), ("b", "x-y"), ("a", "x" * 60 + "1"), ("a", "x" * 60 + "2")]
    slugs = [naming.run_slug(dag, run_id) for dag, run_id in runs]
    assert all(one != other for one, other in itertools.combinations(slugs, 2))


@given(st.text(min_size=1, max_size=250))
def test_run_slug_of_any_run_id_fits_a_label_and_a_path(run_id: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,53}", naming.run_slug("flowers_training", run_id))


def test_folders_end_with_a_slash_and_hold_dataset_and_key() -> None:
    assert FLOWERS.raw_folder("s1") == "gs://b/datasets/flowers/raw/s1/"
    assert FLOWERS.tfrecord_folder("k1") == "gs://b/datasets/flowers/tfrecord/k1/"
    assert FLOWERS.run_folder("r1") == "gs://b/runs/flowers/r1/"
    assert FLOWERS.job_folder(IDENTITY, "w1") == "gs://b/runs/flowers/manual-1-a/train/44136fa355b3-w1/"
    assert naming.dataflow_folder("b", "temp") == "gs://b/dataflow/temp/"
    assert naming.dataset_parents("b", "default") == ("gs://b/runs/", "gs://b/datasets/")


def test_names_of_another_deployment_begin_with_its_own() -> None:
    names = DatasetNames(deployment="dev", bucket="b", dataset="yellow_taxi")
    assert names.model == "dev--yellow_taxi"
    assert (names.production_endpoint, names.candidate_endpoint) == (
        "dev--yellow-taxi",
        "dev--yellow-taxi-candidate",
    )
    assert names.run_folder("r1") == "gs://b/deployments/dev/runs/yellow_taxi/r1/"


@pytest.mark.parametrize("model", ["gs://b/runs/flowers/1/model/", "gs://b/runs/flowers/1/model"])
def test_job_folder_of_a_model_is_the_one_that_holds_it(model: str) -> None:
    assert naming.job_folder_of(model) == "gs://b/runs/flowers/1/"


@pytest.mark.parametrize(
    ("uri", "parts"),
    [("gs://b/a/b.txt", ("b", "a/b.txt")), ("gs://b/", ("b", "")), ("gs://b", ("b", ""))],
)
def test_split_uri_gives_bucket_and_name(uri: str, parts: tuple[str, str]) -> None:
    assert naming.split_uri(uri) == parts


@pytest.mark.parametrize("uri", ["/tmp/a", "b/a", "gs://", "gs:///a"])
def test_split_uri_of_anything_else_names_it(uri: str) -> None:
    with pytest.raises(ContractError, match=r"expected gs://BUCKET/\.\.\., received"):
        naming.split_uri(uri)


def test_identity_gives_labels_and_the_filter_that_finds_them() -> None:
    assert IDENTITY.labels == {
        "perennial_deployment": "dev",
        "perennial_dataset": "flowers",
        "perennial_run": "manual-1-a",
        "perennial_task": "train",
        "perennial_inputs": "44136fa355b3",
    }
    assert IDENTITY.filter == (
        'labels.perennial_deployment="dev" AND labels.perennial_dataset="flowers" AND '
        'labels.perennial_run="manual-1-a" AND labels.perennial_task="train" AND '
        'labels.perennial_inputs="44136fa355b3"'
    )


def test_identity_owns_what_has_all_its_labels_among_others() -> None:
    assert IDENTITY.owns({**IDENTITY.labels, "team": "vision"})
    assert not IDENTITY.owns({**IDENTITY.labels, "perennial_task": "promote"})
    assert not IDENTITY.owns({})


def test_digest_is_the_same_in_any_order_and_another_for_other_values() -> None:
    assert naming.digest({}) == "44136fa355b3"
    assert (
        naming.digest({"a": 1, "b": 2}) == naming.digest({"b": 2, "a": 1}) != naming.digest({"a": 1, "b": 3})
    )


def test_time_label_sorts_as_the_times_do() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    earlier = naming.time_label(noon.astimezone(timezone(timedelta(hours=9))))
    assert earlier == "20260131t120000z" < naming.time_label(noon + timedelta(seconds=1))
    assert naming.time_of_label(earlier) == noon


@pytest.mark.parametrize("value", ["", "soon", "20261331t120000z"])
def test_time_of_label_of_another_label_is_none(value: str) -> None:
    assert naming.time_of_label(value) is None


@given(st.text(max_size=200))
def test_label_value_of_any_text_is_one_that_the_service_takes(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9_-]{0,63}", naming.label_value(text))


def test_label_value_of_an_image_keeps_its_end() -> None:
    image = "us-central1-docker.pkg.dev/some-project-of-ours/perennial/trainer:0.1.0"
    assert naming.label_value(image).endswith("perennial-trainer-0-1-0")


def test_mounted_path_of_a_bucket_is_below_the_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MOUNT_VARIABLE, "/mnt/buckets")
    assert mounted_path("gs://bucket/a/b") == Path("/mnt/buckets/bucket/a/b")
    monkeypatch.delenv(MOUNT_VARIABLE)
    assert mounted_path("gs://bucket/a/b") == Path("/gcs/bucket/a/b")


@pytest.mark.parametrize("path", ["/data/a", "data/a", "gs:/a"])
def test_mounted_path_of_anything_else_stays(path: str) -> None:
    assert mounted_path(path) == Path(path)


def test_has_mount_where_the_folder_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MOUNT_VARIABLE, str(tmp_path))
    assert has_mount()
    monkeypatch.setenv(MOUNT_VARIABLE, str(tmp_path / "gone"))
    assert not has_mount()


def test_names_own_what_was_made_before_deployments_had_names_in_the_default_one_alone() -> None:
    dev = DatasetNames(deployment="dev", bucket="b", dataset="flowers")
    assert FLOWERS.owns({"perennial_dataset": "flowers"})
    assert not dev.owns({"perennial_dataset": "flowers"})
    assert not FLOWERS.owns({"perennial_dataset": "census"})
    assert not FLOWERS.owns({})
