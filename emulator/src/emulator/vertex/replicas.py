"""Replicas of a job: their addresses and their environment variables.

https://cloud.google.com/vertex-ai/docs/training/distributed-training
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from emulator.container_runtime import ContainerRuntime
from emulator.vertex.names import id_of, project_of
from emulator.vertex.trials import TrialReference

_HOST = "127.0.0.1"
_TASKS = ("chief", "worker", "ps", "evaluator")
"""TensorFlow's names of the worker pools, by their index."""


@dataclass(frozen=True, kw_only=True)
class Replica:
    """One process of a job.

    Attributes:
        pool: the index of its worker pool.
        index: its index in the pool.
        address: `HOST:PORT` that it may listen on.
        engine: the engine that runs its container; `None` if a Python module runs in place of it.
    """

    pool: int
    index: int
    address: str
    engine: ContainerRuntime | None = None

    @property
    def name(self) -> str:
        """Name in the cluster, `workerpool0-0` for instance."""
        return f"workerpool{self.pool}-{self.index}"

    def to_document(self) -> dict[str, Any]:
        """Return the replica as JSON values."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Replica:
        """Return the replica that `to_document` wrote."""
        engine = document.get("engine")
        return cls(**{**document, "engine": None if engine is None else ContainerRuntime(**engine)})


def plan_replicas(job: Any, engines: Mapping[int, ContainerRuntime]) -> list[Replica]:
    """Return the replicas of a job, each with a free port.

    Args:
        job: the CustomJob.
        engines: the index of a worker pool -> the engine that runs its containers, if one does.
    """
    with ExitStack() as stack:
        replicas = []
        for pool, spec in enumerate(job.job_spec.worker_pool_specs):
            for index in range(spec.replica_count):
                # All stay bound until the last is chosen.
                listener = stack.enter_context(socket.socket())
                listener.bind((_HOST, 0))
                address = f"{_HOST}:{listener.getsockname()[1]}"
                replicas.append(Replica(pool=pool, index=index, address=address, engine=engines.get(pool)))
    return replicas


def replica_variables(
    job: Any, replica: Replica, replicas: Sequence[Replica], *, trial: TrialReference | None
) -> dict[str, str]:
    """Return the environment variables that describe the job and its cluster to a replica.

    https://cloud.google.com/vertex-ai/docs/training/code-requirements#environment-variables

    Args:
        job: the CustomJob.
        replica: the replica to describe them to.
        replicas: all of them.
        trial: the trial that the job runs, if it runs one.
    """
    task = {"index": replica.index} if trial is None else {"index": replica.index, "trial": trial.trial_id}
    output = job.job_spec.base_output_directory.output_uri_prefix.rstrip("/")
    variables = {
        # As Vertex AI's images do, so that each log line comes at once.
        "PYTHONUNBUFFERED": "1",
        "CLOUD_ML_PROJECT_ID": project_of(job.name),
        "CLOUD_ML_JOB_ID": id_of(job.name if trial is None else trial.tuning_job),
        "CLUSTER_SPEC": json.dumps(_cluster_spec(replica, replicas, task)),
    }
    if len(replicas) > 1:
        variables["TF_CONFIG"] = json.dumps(_tf_config(replica, replicas, task))
    if trial is not None:
        variables["CLOUD_ML_TRIAL_ID"] = trial.trial_id
    if output:
        base = output if trial is None else f"{output}/{trial.trial_id}"
        variables |= {
            "AIP_MODEL_DIR": f"{base}/model/",
            "AIP_CHECKPOINT_DIR": f"{base}/checkpoints/",
            "AIP_TENSORBOARD_LOG_DIR": f"{base}/logs/",
        }
    return variables


def _cluster_spec(replica: Replica, replicas: Sequence[Replica], task: dict[str, Any]) -> dict[str, Any]:
    cluster: dict[str, list[str]] = {}
    for other in replicas:
        cluster.setdefault(f"workerpool{other.pool}", []).append(other.address)
    task = {"type": f"workerpool{replica.pool}", **task}
    return {"cluster": cluster, "environment": "cloud", "task": task}


def _tf_config(replica: Replica, replicas: Sequence[Replica], task: dict[str, Any]) -> dict[str, Any]:
    cluster: dict[str, list[str]] = {}
    for other in replicas:
        # An evaluator is no part of TensorFlow's cluster.
        if _TASKS[other.pool] != "evaluator":
            cluster.setdefault(_TASKS[other.pool], []).append(other.address)
    return {"cluster": cluster, "environment": "cloud", "task": {"type": _TASKS[replica.pool], **task}}
