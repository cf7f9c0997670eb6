"""Links of a task in Airflow's UI: its job in the Cloud console, its learning curves in TensorBoard."""

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
    """Link to the task's job in the Cloud console."""

    name = "Job"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the job's URL; empty if there was no job, or if its service is not Google's."""
        settings = Settings.from_environment()
        job = XCom.get_value(ti_key=ti_key, key="job")
        extras = BaseHook.get_connection(settings.connection_id).extra_dejson
        if not job or extras.get("vertex_ai_endpoint"):
            return ""
        return job_url(job, settings)


class TensorBoardLink(BaseOperatorLink):
    """Link to the learning curves of a training job."""

    name = "TensorBoard"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return TensorBoard's URL, filtered to this run; empty if the deployment has no TensorBoard."""
        settings = Settings.from_environment()
        job_dir = XCom.get_value(ti_key=ti_key, key="job_dir")
        if not job_dir or not settings.tensorboard_url:
            return ""
        return tensorboard_url(job_dir, settings.tensorboard_url)


def job_url(job: str, settings: Settings) -> str:
    """Return the URL of a job in the Cloud console.

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
    """Return the URL of a run's folder in TensorBoard."""
    run = job_dir.rstrip("/").rpartition("/")[2]
    return f"{root.rstrip('/')}/?runFilter={quote(run, safe='')}#timeseries"
