"""The replicas of a job: who they are and what the service tells each of them.

https://cloud.google.com/vertex-ai/docs/training/distributed-training
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from emulator.engines import Engine
from emulator.vertex.names import id_of, project_of
from emulator.vertex.trial_links import TrialLink

_HOST = "127.0.0.1"
_TASKS = ("chief", "worker", "ps", "evaluator")
"""TensorFlow's names of the worker pools, by their place."""


@dataclass(frozen=True, kw_only=True)
class Replica:
    """One process of a job.

    Attributes:
        pool: the place of its worker pool, from 0.
        index: its place in the pool, from 0.
        address: `HOST:PORT`, kept free for it to listen on.
        engine: what runs its container; `None` where a Python module runs.
    """

    pool: int
    index: int
    address: str
    engine: Engine | None = None

    @property
    def name(self) -> str:
        """`workerpool0-0`, for instance."""
        return f"workerpool{self.pool}-{self.index}"

    def to_document(self) -> dict[str, Any]:
        """The replica as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Replica:
        """The replica that `to_document` wrote."""
        engine = document.get("engine")
        return cls(**{**document, "engine": None if engine is None else Engine(**engine)})


def plan_replicas(job: Any, engines: Mapping[int, Engine]) -> list[Replica]:
    """The replicas of a job, each with a free port.

    Args:
        job: the CustomJob.
        engines: the place of a worker pool -> what runs its containers, where no module does.
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
    job: Any, replica: Replica, replicas: Sequence[Replica], *, trial: TrialLink | None
) -> dict[str, str]:
    """The environment variables by which the service tells a replica what it is part of.

    https://cloud.google.com/vertex-ai/docs/training/code-requirements#environment-variables

    Args:
        job: the CustomJob.
        replica: the one it is for.
        replicas: all of them.
        trial: the trial that the job carries out, if it does.
    """
    task = {"index": replica.index} if trial is None else {"index": replica.index, "trial": trial.trial_id}
    output = job.job_spec.base_output_directory.output_uri_prefix.rstrip("/")
    variables = {
        # Vertex AI's images run unbuffered, or a log would come in lumps.
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
