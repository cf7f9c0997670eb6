"""Listener that cancels the jobs of a task that a person marks as failed while no process of it is there.

A running task cancels its own job, a deferred one has its trigger. Between two tries there is neither, and
the job that the next one would adopt would go on, at a price.
https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/listeners.html
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

from contract import naming

if TYPE_CHECKING:
    from retraining.context import GoogleServices

CONVERT = "convert_to_tfrecord"
TASKS = (CONVERT, "tune", "train")
"""Tasks that leave their work to a job."""

_BY_HAND = "manually"

log = logging.getLogger(__name__)


class JobListener:
    """Listener for tasks and runs that are marked as failed in the UI or by the REST API."""

    @hookimpl
    def on_task_instance_failed(self, previous_state: Any, task_instance: Any, error: Any) -> None:
        """Cancel the task's jobs, if a person marked it; a task that fails by itself knows its job's end."""
        if previous_state is None and _BY_HAND in str(error) and task_instance.task_id in TASKS:
            self._cancel(task_instance.dag_id, task_instance.run_id, [task_instance.task_id])

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any, msg: str) -> None:
        """Cancel the run's jobs, if a person marked it."""
        if _BY_HAND in msg:
            self._cancel(dag_run.dag_id, dag_run.run_id, TASKS)

    def _cancel(self, dag_id: str, run_id: str, tasks: Sequence[str]) -> None:
        dataset = naming.dataset_of(dag_id)
        if dataset is not None:
            # Not in the request that marks the task: the services may be slow.
            slug = naming.run_slug(dag_id, run_id)
            threading.Thread(target=_cancel_jobs, args=(dataset, slug, tasks), daemon=True).start()


def _cancel_jobs(dataset: str, run: str, tasks: Sequence[str]) -> None:
    from retraining.context import GoogleServices

    try:
        services = GoogleServices.from_environment()
        with closing(services.clients):
            for name in cancel_jobs(services, dataset, run, tasks):
                log.info("cancelling %s of %s: marked as failed", name, run)
    except Exception:
        log.exception("the jobs of %s of %s can't be cancelled", dataset, run)


def cancel_jobs(services: GoogleServices, dataset: str, run: str, tasks: Sequence[str]) -> list[str]:
    """Cancel the running jobs of some tasks of a run, and return their names.

    A conversion that another run waits for, too, goes on.

    Args:
        services: of the deployment.
        dataset: its name.
        run: the run's slug.
        tasks: among `TASKS`.
    """
    from retraining.google.dataflow_jobs import DataflowJobs, WaitingRuns
    from retraining.google.vertex_jobs import ENDED

    names, storage, cancelled = services.names(dataset), services.storage, []
    for task in tasks:
        labels = {**names.labels, naming.RUN_LABEL: run, naming.TASK_LABEL: task}
        for jobs in (services.custom_jobs, services.tuning_jobs):
            for job in jobs.find_all(labels):
                if job.state.name not in ENDED:
                    jobs.cancel(job.name)
                    cancelled.append(str(job.name))
    if CONVERT in tasks:
        conversions = DataflowJobs(services.clients)
        for key in storage.folders(names.waiting_folder("").removesuffix("/")):
            folder = names.waiting_folder(key)
            if not storage.exists(folder + run) or WaitingRuns(storage, folder=folder, run=run).leave():
                continue
            active = conversions.find_active(names.conversion_job(key))
            if active is not None:
                conversions.cancel(active.id)
                cancelled.append(str(active.id))
    return cancelled
