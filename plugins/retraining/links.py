"""Links of a task in Airflow's UI: its job in the Cloud console, and its curves in TensorBoard."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseHook, BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

from retraining.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

CONSOLE = "https://console.cloud.google.com"


class JobLink(BaseOperatorLink):
    """The job that a task has waited for, in the Cloud console."""

    name = "Job"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """The job's address; empty if there was no job, or if its service is not Google's."""
        settings = Settings.from_environment()
        job = XCom.get_value(ti_key=ti_key, key="job")
        extras = BaseHook.get_connection(settings.connection_id).extra_dejson
        if not job or extras.get("vertex_ai_endpoint"):
            return ""
        return job_url(job, settings)


class TensorBoardLink(BaseOperatorLink):
    """The curves of a training run."""

    name = "TensorBoard"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """TensorBoard's address, showing this run only; empty if the deployment has none."""
        settings = Settings.from_environment()
        job_dir = XCom.get_value(ti_key=ti_key, key="job_dir")
        if not job_dir or not settings.tensorboard_url:
            return ""
        return tensorboard_url(job_dir, settings.tensorboard_url)


def job_url(job: str, settings: Settings) -> str:
    """Where the Cloud console shows a job.

    Args:
        job: the resource name of a CustomJob or a HyperparameterTuningJob, or a Dataflow job's id.
        settings: the deployment.
    """
    kind, _, job_id = job.rpartition("/")
    if not kind:
        place = f"dataflow/jobs/{settings.region}/{job_id}"
    else:
        page = "/cpu" if kind.endswith("/customJobs") else ""
        place = f"vertex-ai/locations/{settings.region}/training/{job_id}{page}"
    return f"{CONSOLE}/{place}?project={settings.project}"


def tensorboard_url(job_dir: str, root: str) -> str:
    """Where TensorBoard shows the run that a folder belongs to."""
    run = job_dir.rstrip("/").rpartition("/")[2]
    return f"{root.rstrip('/')}/?runFilter={quote(run, safe='')}#timeseries"
