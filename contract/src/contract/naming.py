"""Names and places of everything that a dataset's runs make: pure functions, the same for everybody.

Each name satisfies the pattern of Google's service that has it, and no two datasets or runs share one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract.validation import ContractError

DATASET_LABEL = "perennial_dataset"
RUN_LABEL = "perennial_run"
TASK_LABEL = "perennial_task"
INPUTS_LABEL = "perennial_inputs"
SNAPSHOT_LABEL = "perennial_snapshot"
DATA_UNTIL_LABEL = "perennial_data_until"
CODE_LABEL = "perennial_code"
METRIC_LABEL = "perennial_metric"
FINGERPRINT_LABEL = "perennial_training_fingerprint"

CANDIDATE_ALIAS = "candidate"
DEFAULT_ALIAS = "default"

MODEL_FOLDER = "model/"
"""Folder of the SavedModel within a run's folder; the name is Vertex AI's."""

MOUNT_VARIABLE = "GCS_MOUNT"
DEFAULT_MOUNT = "/gcs"
SCHEME = "gs://"

_DAG_SUFFIX = "_training"
_CANDIDATE_SUFFIX = "_candidate"
_DATASET = re.compile(r"[a-z](?:[a-z0-9_]{0,38}[a-z0-9])?", re.ASCII)
_TIME = "%Y%m%dt%H%M%Sz"


def check_dataset_name(name: str) -> None:
    """Refuse a name that can't become the id of a model or of its endpoints.

    Raises:
        ContractError: the name is no such word, or the production endpoint would be another dataset's
            candidate endpoint.
    """
    if not _DATASET.fullmatch(name):
        raise ContractError(
            "name",
            expected="at most 40 lower-case letters, digits and _, a letter first and no _ last",
            received=name,
        )
    if name.endswith(_CANDIDATE_SUFFIX):
        raise ContractError("name", expected=f"no {_CANDIDATE_SUFFIX} at its end", received=name)


def dag_id(dataset: str) -> str:
    """Return the id of the DAG that trains a dataset's model; its file has the same name."""
    return f"{dataset}{_DAG_SUFFIX}"


def dataset_of(dag: str) -> str | None:
    """Return the dataset that a DAG trains, by the DAG's id; None if it is another kind of DAG."""
    return dag.removesuffix(_DAG_SUFFIX) if dag.endswith(_DAG_SUFFIX) else None


def model_id(dataset: str) -> str:
    """Return the id of a dataset's model in the Model Registry.

    https://cloud.google.com/python/docs/reference/aiplatform/latest/google.cloud.aiplatform_v1.types.UploadModelRequest
    """
    return dataset


def production_endpoint(dataset: str) -> str:
    """Return the id of the endpoint that answers users: letters, digits and hyphens.

    https://cloud.google.com/python/docs/reference/aiplatform/latest/google.cloud.aiplatform_v1.types.CreateEndpointRequest
    """
    return dataset.replace("_", "-")


def candidate_endpoint(dataset: str) -> str:
    """Return the id of the endpoint that tries a new version before production has it."""
    return production_endpoint(dataset + _CANDIDATE_SUFFIX)


def conversion_job(dataset: str, key: str) -> str:
    """Return the name of the Dataflow job that makes the records of a conversion key."""
    return f"perennial-{dataset.replace('_', '-')}-convert-{key}"


def run_slug(dag: str, run_id: str) -> str:
    """Return the name of a DAG run in folders and labels: at most 49 characters of `[a-z0-9-]`.

    Args:
        dag: the DAG's id.
        run_id: the run's id in Airflow; any text.
    """
    digest = hashlib.sha256(f"{dag}\n{run_id}".encode()).hexdigest()[:8]
    readable = re.sub(r"[^a-z0-9]+", "-", run_id.lower()).strip("-")[:40].strip("-")
    return f"{readable}-{digest}"


def dataset_parents(bucket: str) -> tuple[str, str]:
    """Return the folders in which each folder has the name of a dataset: of runs, and of data."""
    return f"{SCHEME}{bucket}/runs/", f"{SCHEME}{bucket}/datasets/"


def raw_folder(bucket: str, dataset: str, snapshot: str) -> str:
    """Return the folder of the raw objects of one snapshot."""
    return f"{dataset_folder(bucket, dataset)}raw/{snapshot}/"


def tfrecord_folder(bucket: str, dataset: str, key: str) -> str:
    """Return the folder of the records of one conversion."""
    return f"{dataset_folder(bucket, dataset)}tfrecord/{key}/"


def dataset_folder(bucket: str, dataset: str) -> str:
    """Return the folder of all raw data and records of a dataset."""
    return f"{dataset_parents(bucket)[1]}{dataset}/"


def runs_folder(bucket: str, dataset: str) -> str:
    """Return the folder of all runs of a dataset."""
    return f"{dataset_parents(bucket)[0]}{dataset}/"


def run_folder(bucket: str, dataset: str, slug: str) -> str:
    """Return the folder of one run's training job, laid out as Vertex AI does."""
    return f"{runs_folder(bucket, dataset)}{slug}/"


def run_folder_of(model: str) -> str:
    """Return the folder of the run that trained a model, by the URI of the SavedModel's folder."""
    return model.rstrip("/").removesuffix(MODEL_FOLDER.rstrip("/"))


def tuning_folder(run: str, attempt: int) -> str:
    """Return the folder of the trials of one tuning job; no other attempt resumes their checkpoints.

    Args:
        run: the run's folder.
        attempt: tuning jobs of this run before.
    """
    return f"{run}tuning/{attempt}/"


def dataflow_folder(bucket: str, purpose: str) -> str:
    """Return the folder in which Dataflow keeps files for a purpose, `staging` or `temp`."""
    return f"{SCHEME}{bucket}/dataflow/{purpose}/"


def split_uri(uri: str) -> tuple[str, str]:
    """Return the bucket, and the object name or prefix, of a `gs://` URI.

    Raises:
        ContractError: it is none.
    """
    bucket, _, name = uri.removeprefix(SCHEME).partition("/")
    if not uri.startswith(SCHEME) or not bucket:
        raise ContractError("uri", expected="gs://BUCKET/...", received=uri)
    return bucket, name


def mounted_path(uri: str) -> Path:
    """Return the file or folder of a `gs://` URI below the mount; any other path as it is.

    Vertex AI mounts every bucket at `/gcs` in a training job; elsewhere `GCS_MOUNT` names the folder.
    https://cloud.google.com/vertex-ai/docs/training/cloud-storage-file-system
    """
    return _mount() / uri.removeprefix(SCHEME) if uri.startswith(SCHEME) else Path(uri)


def has_mount() -> bool:
    """Return True if buckets can be read as folders here."""
    return _mount().is_dir()


def _mount() -> Path:
    return Path(os.environ.get(MOUNT_VARIABLE, DEFAULT_MOUNT))


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The identity of one cloud resource, carried as labels: a retry looks for them before it creates.

    Attributes:
        dataset: the dataset's name.
        run: the run's slug.
        task: the id of the task that makes the resource.
        inputs: a digest of the inputs: other inputs make another resource.
    """

    dataset: str
    run: str
    task: str
    inputs: str

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the resource."""
        return {
            DATASET_LABEL: self.dataset,
            RUN_LABEL: self.run,
            TASK_LABEL: self.task,
            INPUTS_LABEL: self.inputs,
        }

    @property
    def filter(self) -> str:
        """List filter that finds the resource."""
        return label_filter(self.labels)

    def owns(self, labels: Mapping[str, str]) -> bool:
        """Return True if a resource with these labels has this identity."""
        return all(labels.get(key) == value for key, value in self.labels.items())


def label_filter(labels: Mapping[str, str]) -> str:
    """Return the list filter of resources that have these labels.

    https://cloud.google.com/vertex-ai/docs/reference/rest/Shared.Types/filter
    """
    return " AND ".join(f'labels.{key}="{value}"' for key, value in labels.items())


def digest(value: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits that stand for JSON values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def label_value(text: str) -> str:
    """Return any text as a label's value: at most 63 characters of `[a-z0-9_-]`."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower())[-63:].strip("-")


def time_label(time: datetime) -> str:
    """Return a time as a label's value; such values sort as the times do."""
    return time.astimezone(UTC).strftime(_TIME)


def time_of_label(value: str) -> datetime | None:
    """Return the time that a label's value stands for; None if it stands for none."""
    try:
        return datetime.strptime(value, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
