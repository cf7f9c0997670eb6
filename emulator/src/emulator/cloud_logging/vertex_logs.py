"""The logs of Vertex AI's custom jobs: what their replicas print.

https://cloud.google.com/vertex-ai/docs/training/monitor-debug-training-logs
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from emulator.cloud_logging.entries import LogSource, Payload, plain, read_lines, structured
from emulator.config import Config
from emulator.state import State
from emulator.vertex import custom_jobs

RESOURCE_TYPE = "ml_job"


def vertex_logs(config: Config, state: State, project: str) -> Iterator[LogSource]:
    """The logs of a project's custom jobs, one for each replica."""
    for document in state.list(custom_jobs.KIND, f"projects/{project}/"):
        job_id = document["name"].rpartition("/")[2]
        for log in sorted((config.jobs / job_id).glob("*/log")):
            task = log.parent.name
            yield LogSource(
                project=project,
                log_id=task,
                resource_type=RESOURCE_TYPE,
                resource_labels={"job_id": job_id, "project_id": project, "task_name": task},
                labels={"ml.googleapis.com/job_id": job_id, "ml.googleapis.com/task_name": task},
                read=partial(_replica, log, task),
            )


def _replica(log: Path, task: str) -> Iterator[tuple[str, Payload]]:
    for line in read_lines(log):
        yield line.time, structured(line) or plain(line, attrs={"tag": task})
