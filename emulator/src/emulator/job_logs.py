"""Log entries made from the files that jobs leave in their folders.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry, and for what the services write
https://cloud.google.com/dataflow/docs/guides/logging and
https://cloud.google.com/vertex-ai/docs/training/monitor-debug-training-logs
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from emulator.config import Config
from emulator.dataflow import jobs
from emulator.dataflow.events import EventLog, Importance, Message
from emulator.filter_conditions import named_severity, severity_of
from emulator.state import State
from emulator.vertex import custom_jobs
from emulator.vertex.names import id_of
from emulator.vertex.trials import TrialIndex

Payload = Mapping[str, Any]
_SEVERITIES: Mapping[str, str] = {
    Importance.WARNING: "WARNING",
    Importance.ERROR: "ERROR",
    Importance.BASIC: "INFO",
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """Line of a job's output.

    Attributes:
        time: RFC 3339, in UTC.
        stream: `stdout` or `stderr`.
        text: the line without its end.
    """

    time: str
    stream: str
    text: str


@dataclass(frozen=True, kw_only=True)
class LogSource:
    """Log of one job.

    Attributes:
        project: the project it belongs to.
        log_id: the log's name below the project.
        resource_type: `ml_job` or `dataflow_step`.
        resource_labels: the labels of the monitored resource, `job_id` among them.
        labels: the entries' own labels.
        identity: no other log has it; `insertId`s begin with it.
        read: yields the time and payload of each entry so far, oldest first.
    """

    project: str
    log_id: str
    resource_type: str
    resource_labels: Mapping[str, str]
    labels: Mapping[str, str]
    identity: str
    read: Callable[[], Iterator[tuple[str, Payload]]]

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the log entries, oldest first; an entry's `insertId` is stable and rises with its place."""
        for number, (time, payload) in enumerate(self.read(), start=1):
            yield {
                "logName": f"projects/{self.project}/logs/{quote(self.log_id, safe='')}",
                "resource": {"type": self.resource_type, "labels": dict(self.resource_labels)},
                "labels": dict(self.labels),
                "timestamp": time,
                "receiveTimestamp": time,
                "insertId": f"{self.identity}.{number:09d}",
                **payload,
            }


def read_lines(log: Path) -> Iterator[Line]:
    """Yield the lines of a process's log, which its shim writes; none if there is no log."""
    if not log.exists():
        return
    with log.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            # The shim may be in the middle of the last one.
            if text.endswith("\n"):
                line = json.loads(text)
                yield Line(time=line["time"], stream=line["stream"], text=line["line"])


def structured(line: Line) -> Payload | None:
    """Return the payload of a line that is a JSON object, with its `severity`; `None` for other lines.

    https://cloud.google.com/logging/docs/structured-logging
    """
    if not line.text.startswith("{"):
        return None
    try:
        fields = json.loads(line.text)
    except ValueError:
        return None
    severity = named_severity(fields.pop("severity", "")) or severity_of("", line.stream)
    return {"severity": severity, "jsonPayload": fields}


def plain(line: Line, **fields: Any) -> Payload:
    """Return the payload of a line of text, with further fields."""
    severity = severity_of(line.text, line.stream)
    return {"severity": severity, "jsonPayload": {"message": line.text, **fields}}


def dataflow_logs(config: Config, state: State, project: str) -> Iterator[LogSource]:
    """Yield the logs of a project's Dataflow jobs."""
    for document in state.list(jobs.KIND):
        job = document["job"]
        if job["projectId"] != project:
            continue
        directory = config.jobs / job["id"]
        yield _dataflow_source(job, "worker", partial(_worker_entries, directory, job["id"]))
        yield _dataflow_source(job, "job-message", partial(_message_entries, directory))


def _dataflow_source(
    job: dict[str, Any], log: str, read: Callable[[], Iterator[tuple[str, Payload]]]
) -> LogSource:
    return LogSource(
        project=job["projectId"],
        log_id=f"dataflow.googleapis.com/{log}",
        resource_type="dataflow_step",
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


def _worker_entries(directory: Path, job_id: str) -> Iterator[tuple[str, Payload]]:
    for line in read_lines(directory / "log"):
        yield line.time, structured(line) or plain(line, job=job_id)


def _message_entries(directory: Path) -> Iterator[tuple[str, Payload]]:
    for event in EventLog(directory).read():
        if isinstance(event, Message):
            severity = _SEVERITIES.get(event.importance, "DEBUG")
            yield event.time, {"severity": severity, "textPayload": event.text}


def vertex_logs(config: Config, state: State, project: str) -> Iterator[LogSource]:
    """Yield the logs of a project's Vertex AI jobs, one for each replica; a trial's are its tuning job's."""
    trials = TrialIndex(state)
    for document in state.list(custom_jobs.KIND, f"projects/{project}/"):
        trial = trials.get(document["name"])
        job_id = id_of(document["name"] if trial is None else trial.tuning_job)
        for log in sorted((config.jobs / id_of(document["name"])).glob("*/log")):
            task = log.parent.name
            labels = {"ml.googleapis.com/job_id": job_id, "ml.googleapis.com/task_name": task}
            if trial is not None:
                labels["ml.googleapis.com/trial_id"] = trial.trial_id
            yield LogSource(
                project=project,
                log_id=task,
                resource_type="ml_job",
                resource_labels={"job_id": job_id, "project_id": project, "task_name": task},
                labels=labels,
                identity=f"{id_of(document['name'])}.{task}",
                read=partial(_replica_entries, log, task),
            )


def _replica_entries(log: Path, task: str) -> Iterator[tuple[str, Payload]]:
    for line in read_lines(log):
        yield line.time, structured(line) or plain(line, attrs={"tag": task})
