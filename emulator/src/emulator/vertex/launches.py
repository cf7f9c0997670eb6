"""How a replica is run: as a module of this machine's Python, or in a container engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.config import Config
from emulator.engines import Engine, Mount, NoEngineError, find_engine
from emulator.vertex.containers import UnmappedImageError, find_module, module_argv
from emulator.vertex.names import id_of, project_of
from emulator.vertex.replicas import Replica, replica_variables
from emulator.vertex.trial_links import METRIC_FILE, TrialLink, metric_folder

_GCS = "/gcs"
_HYPERTUNE = "/tmp/hypertune"  # noqa: S108  (where cloudml-hypertune writes, inside the container)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A replica's command.

    Attributes:
        argv: the command line.
        environment: its whole environment.
        notice: a line that its log begins with; empty for none.
    """

    argv: list[str]
    environment: dict[str, str]
    notice: str = ""


def engines_needed(config: Config, job: Any) -> dict[int, Engine]:
    """The engines of those worker pools whose image no module stands for, by the pool's place.

    Raises:
        UnmappedImageError: there is such a pool, and no engine answers.
    """
    engines: dict[int, Engine] = {}
    for pool, spec in enumerate(job.job_spec.worker_pool_specs):
        image_uri = spec.container_spec.image_uri
        if not spec.replica_count or not image_uri or find_module(config.images, image_uri) is not None:
            continue
        try:
            engines[pool] = find_engine(config.engine)
        except NoEngineError as error:
            raise _no_engine(config, image_uri, str(error)) from error
    return engines


def launch_of(
    config: Config,
    job: Any,
    replica: Replica,
    replicas: Sequence[Replica],
    *,
    directory: Path,
    packages: Path,
    trial: TrialLink | None,
) -> Launch:
    """How a replica is run.

    Args:
        config: the emulator's.
        job: the CustomJob.
        replica: the one to run.
        replicas: all of them.
        directory: the replica's folder.
        packages: the folder of its pool's installed packages, if it has any.
        trial: the trial that the job carries out, if it does.

    Raises:
        UnmappedImageError: a module stood for its image when the job was planned, and none does now.
    """
    spec = job.job_spec.worker_pool_specs[replica.pool]
    variables = {
        **config.google_variables(project_of(job.name)),
        **replica_variables(job, replica, replicas, trial=trial),
    }
    metrics = metric_folder(directory)
    # Made here: an engine would make it as root.
    metrics.mkdir(parents=True, exist_ok=True)
    if trial is not None:
        folder = metrics if replica.engine is None else Path(_HYPERTUNE)
        variables["CLOUD_ML_HP_METRIC_FILE"] = str(folder / METRIC_FILE)
    if replica.engine is not None:
        return _in_engine(
            replica.engine,
            container_name(job.name, replica),
            config=config,
            container=spec.container_spec,
            variables=variables,
            metrics=metrics,
        )
    environment = {**os.environ, **variables}
    if "python_package_spec" in spec:
        package = spec.python_package_spec
        path = [str(packages), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        argv = [sys.executable, "-m", package.python_module, *package.args]
        return Launch(argv=argv, environment=environment | _given(package))
    container = spec.container_spec
    module = find_module(config.images, container.image_uri)
    if module is None:
        raise _no_engine(config, container.image_uri, "none was needed before the emulator was restarted")
    return Launch(
        argv=module_argv(module, command=container.command, args=container.args),
        environment=environment | _given(container),
        notice=f"The module {module} runs in place of the image {container.image_uri}, as a package.",
    )


def container_name(job_name: str, replica: Replica) -> str:
    """The name of a replica's container."""
    return f"perennial-{id_of(job_name)}-{replica.name}"


def _in_engine(
    engine: Engine, name: str, *, config: Config, container: Any, variables: Mapping[str, str], metrics: Path
) -> Launch:
    environment = {
        **variables,
        "GCS_MOUNT": _GCS,
        # The image's own home belongs to another user.
        "HOME": "/tmp",  # noqa: S108
        **_given(container),
    }
    argv = engine.run_argv(
        name,
        image_uri=container.image_uri,
        command=container.command,
        args=container.args,
        environment=environment,
        mounts=[
            Mount(source=config.buckets, target=_GCS),
            Mount(source=metrics, target=_HYPERTUNE),
            Mount(source=config.credentials, target=str(config.credentials), readonly=True),
        ],
    )
    notice = f"The image {container.image_uri} is run by {engine.program}, as the container {name}."
    return Launch(argv=argv, environment=dict(os.environ), notice=notice)


def _given(container_or_package: Any) -> dict[str, str]:
    return {variable.name: variable.value for variable in container_or_package.env}


def _no_engine(config: Config, image_uri: str, tried: str) -> UnmappedImageError:
    return UnmappedImageError(
        config.images,
        image_uri,
        instead=f"No container engine answered ({tried}): start Docker or Podman to run it as a container, "
        "or put its code into a python_package_spec.",
    )
