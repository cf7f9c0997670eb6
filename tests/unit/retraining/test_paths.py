"""Where everything lies."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from retraining import paths
from retraining.context import Run


def test_folders_end_with_a_slash_and_hold_dataset_and_key() -> None:
    run = Run(dag_id="d", run_id="r", data_until=datetime(2026, 1, 31, tzinfo=UTC))
    assert paths.raw_folder("b", "flowers", "s1") == "gs://b/datasets/flowers/raw/s1/"
    assert paths.tfrecord_folder("b", "flowers", "k1") == "gs://b/datasets/flowers/tfrecord/k1/"
    assert paths.run_folder("b", "flowers", run) == f"gs://b/runs/flowers/{run.slug}/"
    assert paths.dataflow_folder("b", "temp") == "gs://b/dataflow/temp/"


@pytest.mark.parametrize(
    ("uri", "parts"),
    [("gs://b/a/b.txt", ("b", "a/b.txt")), ("gs://b/", ("b", "")), ("gs://b", ("b", ""))],
)
def test_split_gives_bucket_and_name(uri: str, parts: tuple[str, str]) -> None:
    assert paths.split(uri) == parts


@pytest.mark.parametrize("uri", ["/tmp/a", "b/a", "gs://", "gs:///a"])
def test_split_of_anything_else_names_it(uri: str) -> None:
    with pytest.raises(ValueError, match=r"expected gs://BUCKET/\.\.\., received"):
        paths.split(uri)


@pytest.mark.parametrize("model", ["gs://b/runs/flowers/1/model/", "gs://b/runs/flowers/1/model"])
def test_run_folder_of_a_model_is_the_one_that_holds_it(model: str) -> None:
    assert paths.run_folder_of(model) == "gs://b/runs/flowers/1/"
