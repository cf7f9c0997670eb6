"""The logs of Dataflow's jobs: what their workers print, and the messages of the service.

https://cloud.google.com/dataflow/docs/guides/logging
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from emulator.cloud_logging.entries import LogSource, Payload, plain, read_lines, structured
from emulator.config import Config
from emulator.dataflow import jobs, states
from emulator.dataflow.events import EventLog, Message
from emulator.state import State

RESOURCE_TYPE = "dataflow_step"
_SEVERITIES = {states.WARNING: "WARNING", states.ERROR: "ERROR", states.BASIC: "INFO"}


def dataflow_logs(config: Config, state: State, project: str) -> Iterator[LogSource]:
    """The logs of a project's jobs."""
    for document in state.list(jobs.KIND):
        job = document["job"]
        if job["projectId"] != project:
            continue
        directory = config.jobs / job["id"]
        yield _source(job, "worker", partial(_worker, directory, job["id"]))
        yield _source(job, "job-message", partial(_messages, directory))


def _source(job: dict[str, Any], log: str, read: Callable[[], Iterator[tuple[str, Payload]]]) -> LogSource:
    return LogSource(
        project=job["projectId"],
        log_id=f"dataflow.googleapis.com/{log}",
        resource_type=RESOURCE_TYPE,
        resource_labels={
            "job_id": job["id"],
            "job_name": job["name"],
            "project_id": job["projectId"],
            "region": job["location"],
            "step_id": "",
        },
        labels={
            "dataflow.googleapis.com/job_id": job["id"],
            "dataflow.googleapis.com/job_name": job["name"],
            "dataflow.googleapis.com/region": job["location"],
        },
        identity=f"{job['id']}.dataflow.googleapis.com/{log}",
        read=read,
    )


def _worker(directory: Path, job_id: str) -> Iterator[tuple[str, Payload]]:
    for line in read_lines(directory / "log"):
        yield line.time, structured(line) or plain(line, job=job_id)


def _messages(directory: Path) -> Iterator[tuple[str, Payload]]:
    for event in EventLog(directory).read():
        if isinstance(event, Message):
            severity = _SEVERITIES.get(event.importance, "DEBUG")
            yield event.time, {"severity": severity, "textPayload": event.text}
