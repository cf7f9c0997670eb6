"""Where everything lies in the bucket: pure functions of dataset and run. Folders end with a slash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract import FEATURES_FILENAME

if TYPE_CHECKING:
    from retraining.context import Run

COMMIT_MARK = "dataset_info.json"
"""Written last by a conversion: a key that holds it is complete."""

STATISTICS = "statistics.json"
FEATURES = FEATURES_FILENAME
REJECTED = "rejected/rejected.jsonl"
MODEL = "model/"
EVALUATION = "evaluation.json"
GOLDEN = "golden.jsonl"
GATE = "gate.json"


def production_endpoint(dataset: str) -> str:
    """Return the id of the endpoint that serves users. Ids of endpoints have no underscores."""
    return dataset.replace("_", "-")


def candidate_endpoint(dataset: str) -> str:
    """Return the id of the endpoint that is empty between runs."""
    return f"{production_endpoint(dataset)}-candidate"


def raw_folder(bucket: str, dataset: str, snapshot: str) -> str:
    """The raw objects of one snapshot."""
    return f"gs://{bucket}/datasets/{dataset}/raw/{snapshot}/"


def tfrecord_folder(bucket: str, dataset: str, key: str) -> str:
    """The records of one conversion."""
    return f"gs://{bucket}/datasets/{dataset}/tfrecord/{key}/"


def run_folder(bucket: str, dataset: str, run: Run) -> str:
    """What one run's training leaves behind, in Vertex AI's own layout."""
    return f"gs://{bucket}/runs/{dataset}/{run.slug}/"


def run_folder_of(model: str) -> str:
    """The folder of the training that made a model, by the model's own folder."""
    return model.rstrip("/").removesuffix(MODEL.rstrip("/"))


def tuning_folder(bucket: str, dataset: str, run: Run, attempt: int) -> str:
    """What the trials of one run's search leave behind; no other attempt goes on from their checkpoints.

    Args:
        bucket: its name.
        dataset: its name.
        run: the DAG run.
        attempt: how many searches of this run there were before.
    """
    return f"{run_folder(bucket, dataset, run)}tuning/{attempt}/"


def dataflow_folder(bucket: str, purpose: str) -> str:
    """Where Dataflow keeps files for a purpose, `staging` or `temp`."""
    return f"gs://{bucket}/dataflow/{purpose}/"


def split(uri: str) -> tuple[str, str]:
    """The bucket and the object name or prefix of a `gs://` URI.

    Raises:
        ValueError: it is none.
    """
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    if not uri.startswith("gs://") or not bucket:
        raise ValueError(f"uri: expected gs://BUCKET/..., received {uri!r}")
    return bucket, name
