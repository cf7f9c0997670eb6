"""The replicas of a custom job: who they are and what the service tells each of them.

https://cloud.google.com/vertex-ai/docs/training/distributed-training
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emulator.config import Config
from emulator.vertex.containers import container_argv
from emulator.vertex.names import id_of, project_of

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
    """

    pool: int
    index: int
    address: str

    @property
    def name(self) -> str:
        """`workerpool0-0`, for instance."""
        return f"workerpool{self.pool}-{self.index}"

    def to_document(self) -> dict[str, Any]:
        """The replica as plain JSON values."""
        return asdict(self)


def plan_replicas(job: Any) -> list[Replica]:
    """The replicas of a job, each with a free port."""
    with ExitStack() as stack:
        replicas = []
        for pool, spec in enumerate(job.job_spec.worker_pool_specs):
            for index in range(spec.replica_count):
                # All stay bound until the last is chosen.
                listener = stack.enter_context(socket.socket())
                listener.bind((_HOST, 0))
                address = f"{_HOST}:{listener.getsockname()[1]}"
                replicas.append(Replica(pool=pool, index=index, address=address))
    return replicas


def replica_argv(images: Mapping[str, str], pool_spec: Any) -> list[str]:
    """A replica's command line.

    Raises:
        UnmappedImageError: no module stands for its container's image.
    """
    if "python_package_spec" in pool_spec:
        package = pool_spec.python_package_spec
        return [sys.executable, "-m", package.python_module, *package.args]
    container = pool_spec.container_spec
    return container_argv(images, container.image_uri, command=container.command, args=container.args)


def replica_environment(
    config: Config, job: Any, replica: Replica, replicas: Sequence[Replica], *, packages: Path
) -> dict[str, str]:
    """A replica's whole environment.

    Args:
        config: the emulator's.
        job: the CustomJob.
        replica: the one it is for.
        replicas: all of them.
        packages: the folder of the job's installed packages, if it has any.
    """
    spec = job.job_spec.worker_pool_specs[replica.pool]
    project = project_of(job.name)
    environment = config.child_environment(project)
    environment |= {
        # Vertex AI's images run unbuffered, or a log would come in lumps.
        "PYTHONUNBUFFERED": "1",
        "CLOUD_ML_PROJECT_ID": project,
        "CLOUD_ML_JOB_ID": id_of(job.name),
        "CLUSTER_SPEC": json.dumps(_cluster_spec(replica, replicas)),
        **_output_directories(job.job_spec.base_output_directory.output_uri_prefix),
    }
    if len(replicas) > 1:
        environment["TF_CONFIG"] = json.dumps(_tf_config(replica, replicas))
    if "python_package_spec" in spec:
        given = spec.python_package_spec.env
        path = [str(packages), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    else:
        given = spec.container_spec.env
    return environment | {variable.name: variable.value for variable in given}


def _output_directories(prefix: str) -> dict[str, str]:
    """https://cloud.google.com/vertex-ai/docs/training/code-requirements#environment-variables."""
    if not prefix:
        return {}
    base = prefix.rstrip("/")
    return {
        "AIP_MODEL_DIR": f"{base}/model/",
        "AIP_CHECKPOINT_DIR": f"{base}/checkpoints/",
        "AIP_TENSORBOARD_LOG_DIR": f"{base}/logs/",
    }


def _cluster_spec(replica: Replica, replicas: Sequence[Replica]) -> dict[str, Any]:
    cluster: dict[str, list[str]] = {}
    for other in replicas:
        cluster.setdefault(f"workerpool{other.pool}", []).append(other.address)
    task = {"type": f"workerpool{replica.pool}", "index": replica.index}
    return {"cluster": cluster, "environment": "cloud", "task": task}


def _tf_config(replica: Replica, replicas: Sequence[Replica]) -> dict[str, Any]:
    cluster: dict[str, list[str]] = {}
    for other in replicas:
        # An evaluator is no part of TensorFlow's cluster.
        if _TASKS[other.pool] != "evaluator":
            cluster.setdefault(_TASKS[other.pool], []).append(other.address)
    task = {"type": _TASKS[replica.pool], "index": replica.index}
    return {"cluster": cluster, "environment": "cloud", "task": task}
