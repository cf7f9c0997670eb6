"""The logs of Vertex AI's jobs: what the replicas of custom jobs and of trials print.

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
from emulator.vertex.names import id_of
from emulator.vertex.trial_links import TrialLinks

RESOURCE_TYPE = "ml_job"


def vertex_logs(config: Config, state: State, project: str) -> Iterator[LogSource]:
    """The logs of a project's jobs, one for each replica; a trial's are those of its tuning job."""
    links = TrialLinks(state)
    for document in state.list(custom_jobs.KIND, f"projects/{project}/"):
        trial = links.get(document["name"])
        job_id = id_of(document["name"] if trial is None else trial.tuning_job)
        for log in sorted((config.jobs / id_of(document["name"])).glob("*/log")):
            task = log.parent.name
            labels = {"ml.googleapis.com/job_id": job_id, "ml.googleapis.com/task_name": task}
            if trial is not None:
                labels["ml.googleapis.com/trial_id"] = trial.trial_id
            yield LogSource(
                project=project,
                log_id=task,
                resource_type=RESOURCE_TYPE,
                resource_labels={"job_id": job_id, "project_id": project, "task_name": task},
                labels=labels,
                identity=f"{id_of(document['name'])}.{task}",
                read=partial(_replica, log, task),
            )


def _replica(log: Path, task: str) -> Iterator[tuple[str, Payload]]:
    for line in read_lines(log):
        yield line.time, structured(line) or plain(line, attrs={"tag": task})
