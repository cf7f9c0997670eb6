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

DEPLOYMENT_LABEL = "perennial_deployment"
DATASET_LABEL = "perennial_dataset"
RUN_LABEL = "perennial_run"
TASK_LABEL = "perennial_task"
INPUTS_LABEL = "perennial_inputs"
TIER_LABEL = "perennial_tier"
SNAPSHOT_LABEL = "perennial_snapshot"
DATA_UNTIL_LABEL = "perennial_data_until"
CODE_LABEL = "perennial_code"
SPLIT_LABEL = "perennial_split"
METRIC_LABEL = "perennial_metric"
FINGERPRINT_LABEL = "perennial_training_fingerprint"

CANDIDATE_ALIAS = "candidate"
DEFAULT_ALIAS = "default"

ROLLBACK_DAG = "model_rollback"
"""Id of the DAG that carries out people's decisions on releases."""

DEFAULT_DEPLOYMENT = "default"
"""Deployment whose resources have the plain names of its datasets."""

MODEL_FOLDER = "model/"
"""Folder of the SavedModel within a run's folder; the name is Vertex AI's."""

EXPECTED_ACCELERATORS = "PERENNIAL_EXPECTED_ACCELERATORS"
MOUNT_VARIABLE = "GCS_MOUNT"
DEFAULT_MOUNT = "/gcs"
SCHEME = "gs://"

_RUNS = "runs/"
_DAG_SUFFIX = "_training"
_CANDIDATE_SUFFIX = "_candidate"
_DATASET = re.compile(r"[a-z](?:[a-z0-9_]{0,38}[a-z0-9])?", re.ASCII)
_DEPLOYMENT = re.compile(r"[a-z](?:[a-z0-9-]{0,9}[a-z0-9])?", re.ASCII)
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
    if "__" in name:
        raise ContractError("name", expected="no two _ in a row", received=name)


def check_deployment_name(name: str) -> None:
    """Refuse a deployment's name with which the ids of its resources would not be Google's, or not its own.

    Raises:
        ContractError: it is no such word.
    """
    if not _DEPLOYMENT.fullmatch(name) or "--" in name:
        raise ContractError(
            "deployment",
            expected="at most 11 lower-case letters, digits and single dashes, no dash first or last",
            received=name,
        )


def dag_id(dataset: str) -> str:
    """Return the id of the DAG that trains a dataset's model; its file has the same name."""
    return f"{dataset}{_DAG_SUFFIX}"


def dataset_of(dag: str) -> str | None:
    """Return the dataset that a DAG trains, by the DAG's id; None if it is another kind of DAG."""
    return dag.removesuffix(_DAG_SUFFIX) if dag.endswith(_DAG_SUFFIX) else None


def run_slug(dag: str, run_id: str) -> str:
    """Return the name of a DAG run in folders and labels: at most 53 characters of `[a-z0-9-]`.

    Args:
        dag: the DAG's id.
        run_id: the run's id in Airflow; any text.
    """
    digest = hashlib.sha256(f"{dag}\n{run_id}".encode()).hexdigest()[:12]
    readable = re.sub(r"[^a-z0-9]+", "-", run_id.lower()).strip("-")[:40].strip("-")
    return f"{readable}-{digest}"


def dataset_parents(bucket: str, deployment: str) -> tuple[str, str]:
    """Return the folders in which each folder has the name of a dataset: of runs, and of data."""
    place = "" if deployment == DEFAULT_DEPLOYMENT else f"deployments/{deployment}/"
    return f"{SCHEME}{bucket}/{place}{_RUNS}", f"{SCHEME}{bucket}/{place}datasets/"


@dataclass(frozen=True, kw_only=True)
class DatasetNames:
    """Names and places of all that one dataset has in one deployment.

    No two deployments or datasets share one: a deployment's name stands before the dataset's, with two dashes
    between them, which neither can have.

    Attributes:
        deployment: the deployment's name.
        bucket: its bucket.
        dataset: the dataset's name.
    """

    deployment: str
    bucket: str
    dataset: str

    @property
    def model(self) -> str:
        """Id of the model in the Model Registry.

        https://cloud.google.com/python/docs/reference/aiplatform/latest/google.cloud.aiplatform_v1.types.UploadModelRequest
        """
        return self._prefix + self.dataset

    @property
    def production_endpoint(self) -> str:
        """Id of the endpoint that answers users: letters, digits and hyphens.

        https://cloud.google.com/python/docs/reference/aiplatform/latest/google.cloud.aiplatform_v1.types.CreateEndpointRequest
        """
        return self.model.replace("_", "-")

    @property
    def candidate_endpoint(self) -> str:
        """Id of the endpoint that tries a new version before production has it."""
        return (self.model + _CANDIDATE_SUFFIX).replace("_", "-")

    @property
    def labels(self) -> dict[str, str]:
        """Labels of everything that is made for the dataset."""
        return {DEPLOYMENT_LABEL: self.deployment, DATASET_LABEL: self.dataset}

    @property
    def data_folder(self) -> str:
        """Folder of all raw data and records."""
        return f"{dataset_parents(self.bucket, self.deployment)[1]}{self.dataset}/"

    @property
    def runs_folder(self) -> str:
        """Folder of all runs."""
        return f"{dataset_parents(self.bucket, self.deployment)[0]}{self.dataset}/"

    @property
    def history_folder(self) -> str:
        """Folder of the history of releases, which outlives runs and data."""
        place = dataset_parents(self.bucket, self.deployment)[0].removesuffix(_RUNS)
        return f"{place}history/{self.dataset}/"

    def owns(self, labels: Mapping[str, str]) -> bool:
        """Return True if a resource with these labels is the dataset's, in this deployment.

        What was made before deployments had names has no label of one, and is the default's.
        """
        deployment = labels.get(DEPLOYMENT_LABEL, DEFAULT_DEPLOYMENT)
        return (deployment, labels.get(DATASET_LABEL)) == (self.deployment, self.dataset)

    def conversion_job(self, key: str) -> str:
        """Return the name of the Dataflow job that makes the records of a conversion key."""
        return f"perennial-{self.production_endpoint}-convert-{key}"

    def raw_folder(self, snapshot: str) -> str:
        """Return the folder of the raw objects of one snapshot."""
        return f"{self.data_folder}raw/{snapshot}/"

    def ignored_list(self, snapshot: str) -> str:
        """Return the object that lists the files of a source that are not in its snapshot."""
        return f"{self.data_folder}ignored/{snapshot}.jsonl"

    def tfrecord_folder(self, key: str) -> str:
        """Return the folder of the records of one conversion."""
        return f"{self.data_folder}tfrecord/{key}/"

    def waiting_folder(self, key: str) -> str:
        """Return the folder in which each run that waits for a conversion has an object of its name."""
        return f"{self.data_folder}waiting/{key}/"

    def run_folder(self, run: str) -> str:
        """Return the folder of all jobs of one run, by its slug."""
        return f"{self.runs_folder}{run}/"

    def job_folder(self, identity: Identity, word: str) -> str:
        """Return the folder of one job, laid out as Vertex AI does.

        Args:
            identity: the job's.
            word: tells the jobs of one identity apart: each has a folder that no other job writes to.
        """
        return f"{self.run_folder(identity.run)}{identity.task}/{identity.inputs}-{word}/"

    @property
    def _prefix(self) -> str:
        return "" if self.deployment == DEFAULT_DEPLOYMENT else f"{self.deployment}--"


def job_folder_of(model: str) -> str:
    """Return the folder of the job that trained a model, by the URI of the SavedModel's folder."""
    return model.rstrip("/").removesuffix(MODEL_FOLDER.rstrip("/"))


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
        deployment: the deployment's name.
        dataset: the dataset's name.
        run: the run's slug.
        task: the id of the task that makes the resource.
        inputs: a digest of all that determines it: other inputs make another resource.
    """

    deployment: str
    dataset: str
    run: str
    task: str
    inputs: str

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the resource."""
        return {
            DEPLOYMENT_LABEL: self.deployment,
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
