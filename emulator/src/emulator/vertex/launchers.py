"""Launchers of replicas: a Python module, a Python package, or a container.

The packages of a `python_package_spec` are source distributions and wheels in Cloud Storage.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uv import find_uv_bin

from emulator import gcs_fuse
from emulator.config import Config
from emulator.container_runtime import ContainerRuntime, Mount, NoRuntimeError, find_runtime
from emulator.vertex.containers import UnmappedImageError, find_module, module_argv
from emulator.vertex.names import id_of, project_of
from emulator.vertex.replicas import Replica, replica_variables
from emulator.vertex.trials import METRIC_FILE, TrialReference, metric_folder

_LAST_CHARACTERS = 2000
_GCS = "/gcs"
_HYPERTUNE = "/tmp/hypertune"  # noqa: S108  (where cloudml-hypertune writes, inside the container)


class InstallError(Exception):
    """A package is missing or can't be installed."""


def install_packages(packages: Sequence[Path], target: Path) -> None:
    """Install packages into a folder of their own, without their dependencies.

    Args:
        packages: the files.
        target: the folder; earlier contents are removed.

    Raises:
        InstallError: a file is missing or is no package.
    """
    for package in packages:
        if not package.is_file():
            raise InstallError(f"python_package_spec.package_uris: there is no object {package.name}")
    shutil.rmtree(target, ignore_errors=True)
    result = subprocess.run(
        [
            find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--no-config",
            "--python", sys.executable, "--target", str(target), *map(str, packages),
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=target.parent,
    )  # fmt: skip
    if result.returncode != 0:
        names = ", ".join(package.name for package in packages)
        raise InstallError(f"{names} could not be installed:\n{result.stderr[-_LAST_CHARACTERS:]}")


@dataclass(frozen=True, kw_only=True)
class LaunchCommand:
    """Command of a replica's process.

    Attributes:
        argv: the command line.
        environment: its whole environment.
        notice: the first line of its log; empty for none.
    """

    argv: list[str]
    environment: dict[str, str]
    notice: str = ""


def required_engines(config: Config, job: Any) -> dict[int, ContainerRuntime]:
    """Return the container engines for images that are mapped to no module, by the index of the worker pool.

    Raises:
        UnmappedImageError: there is such a pool, and no engine answers.
    """
    engines: dict[int, ContainerRuntime] = {}
    for pool, spec in enumerate(job.job_spec.worker_pool_specs):
        image_uri = spec.container_spec.image_uri
        if not spec.replica_count or not image_uri or find_module(config.images, image_uri) is not None:
            continue
        try:
            engines[pool] = find_runtime(config.engine)
        except NoRuntimeError as error:
            raise _no_engine(config, image_uri, str(error)) from error
    return engines


def launch_command(
    config: Config,
    job: Any,
    replica: Replica,
    replicas: Sequence[Replica],
    *,
    directory: Path,
    packages: Path,
    trial: TrialReference | None,
) -> LaunchCommand:
    """Return the command of a replica.

    Args:
        config: the emulator's.
        job: the CustomJob.
        replica: the replica to run.
        replicas: all of them.
        directory: the replica's folder.
        packages: the folder of its pool's installed packages, if it has any.
        trial: the trial that the job runs, if it runs one.

    Raises:
        UnmappedImageError: its image was mapped to a module when the job was planned, and isn't now.
    """
    spec = job.job_spec.worker_pool_specs[replica.pool]
    obstacle = gcs_fuse.unavailable_reason(config.gcs_fuse)
    point = gcs_fuse.mount_point(config.root, id_of(job.name), replica.name)
    variables = {
        **config.job_variables(project_of(job.name), job.job_spec.service_account),
        **replica_variables(job, replica, replicas, trial=trial),
    }
    metrics = metric_folder(directory)
    # Made here: an engine would make it as root.
    metrics.mkdir(parents=True, exist_ok=True)
    if trial is not None:
        folder = metrics if replica.engine is None else Path(_HYPERTUNE)
        variables["CLOUD_ML_HP_METRIC_FILE"] = str(folder / METRIC_FILE)
    if replica.engine is not None:
        return _container_command(
            replica.engine,
            container_name(job.name, replica),
            config=config,
            container=spec.container_spec,
            variables=variables,
            metrics=metrics,
        )
    environment = {**config.job_environment(project_of(job.name), job.job_spec.service_account), **variables}
    if "python_package_spec" in spec:
        package = spec.python_package_spec
        path = [str(packages), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        argv = [sys.executable, "-m", package.python_module, *package.args]
        return LaunchCommand(
            argv=argv if obstacle else gcs_fuse.mounted_command(config.buckets, point, argv),
            environment=environment | _declared_variables(package),
            notice=_plain_folders(obstacle),
        )
    container = spec.container_spec
    module = find_module(config.images, container.image_uri)
    if module is None:
        raise _no_engine(config, container.image_uri, "none was needed before the emulator was restarted")
    argv = module_argv(module, command=container.command, args=container.args)
    notice = f"The module {module} runs in place of the image {container.image_uri}, as a package."
    return LaunchCommand(
        argv=argv if obstacle else gcs_fuse.mounted_command(config.buckets, point, argv),
        environment=environment | _declared_variables(container),
        notice="\n".join(filter(None, [notice, _plain_folders(obstacle)])),
    )


def container_name(job_name: str, replica: Replica) -> str:
    """Return the name of a replica's container."""
    return f"perennial-{id_of(job_name)}-{replica.name}"


def _container_command(
    engine: ContainerRuntime,
    name: str,
    *,
    config: Config,
    container: Any,
    variables: Mapping[str, str],
    metrics: Path,
) -> LaunchCommand:
    environment = {
        **variables,
        "GCS_MOUNT": _GCS,
        # The image's own home belongs to another user.
        "HOME": "/tmp",  # noqa: S108
        **_declared_variables(container),
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
        ],
    )
    notice = f"The image {container.image_uri} is run by {engine.program}, as the container {name}."
    return LaunchCommand(argv=argv, environment=dict(os.environ), notice=notice)


def _plain_folders(obstacle: str) -> str:
    if not obstacle or obstacle == gcs_fuse.SWITCHED_OFF:
        return ""
    return f"No mount of the buckets ({obstacle}): they are plain folders, unlike on Vertex AI."


def _declared_variables(container_or_package: Any) -> dict[str, str]:
    return {variable.name: variable.value for variable in container_or_package.env}


def _no_engine(config: Config, image_uri: str, tried: str) -> UnmappedImageError:
    return UnmappedImageError(
        config.images,
        image_uri,
        instead=f"No container engine answered ({tried}): start Docker or Podman to run it as a container, "
        "or put its code into a python_package_spec.",
    )
