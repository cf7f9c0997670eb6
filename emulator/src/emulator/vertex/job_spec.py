"""Validation of CustomJobs and CustomJobSpecs.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/CustomJobSpec
"""

from __future__ import annotations

from typing import Any

from emulator.errors import InvalidArgument
from emulator.limits import WORKER_POOLS
from emulator.vertex.machines import check_machine
from emulator.vertex.names import check_display_name, check_labels
from emulator.vertex.paths import check_folder_uri, check_object_uri

_MOST_POOLS = WORKER_POOLS.value


def check_custom_job(job: Any) -> None:
    """Refuse a job that the service would not run.

    Raises:
        InvalidArgument: a field is missing or has a value that it can't have.
    """
    check_display_name(job.display_name, "custom_job.display_name")
    check_labels(dict(job.labels), "custom_job.labels")
    check_job_spec(job.job_spec, "custom_job.job_spec")


def check_job_spec(spec: Any, where: str) -> None:
    """Refuse a CustomJobSpec that the service would not run.

    Args:
        spec: the CustomJobSpec.
        where: the field that holds it, as errors name it.

    Raises:
        InvalidArgument: a field is missing or has a value that it can't have.
    """
    pools = spec.worker_pool_specs
    if not 1 <= len(pools) <= _MOST_POOLS:
        raise InvalidArgument(
            f"{where}.worker_pool_specs: expected 1 to {_MOST_POOLS} pools, received {len(pools)}"
        )
    if pools[0].replica_count != 1:
        raise InvalidArgument(
            f"{where}.worker_pool_specs[0].replica_count: expected 1, received {pools[0].replica_count}"
        )
    for index, pool in enumerate(pools):
        # A pool in the middle may be left out by being empty.
        if pool.replica_count:
            _check_pool(pool, f"{where}.worker_pool_specs[{index}]")
    output = spec.base_output_directory.output_uri_prefix
    if output:
        check_folder_uri(output, f"{where}.base_output_directory.output_uri_prefix")


def _check_pool(pool: Any, where: str) -> None:
    if pool.replica_count < 0:
        raise InvalidArgument(f"{where}.replica_count: expected 0 or more, received {pool.replica_count}")
    if not pool.machine_spec.machine_type:
        raise InvalidArgument(f"{where}.machine_spec.machine_type: required")
    check_machine(pool.machine_spec, f"{where}.machine_spec", training=True)
    if "container_spec" in pool:
        if not pool.container_spec.image_uri:
            raise InvalidArgument(f"{where}.container_spec.image_uri: required")
    elif "python_package_spec" in pool:
        package = pool.python_package_spec
        for field in ("executor_image_uri", "package_uris", "python_module"):
            if not getattr(package, field):
                raise InvalidArgument(f"{where}.python_package_spec.{field}: required")
        for uri in package.package_uris:
            check_object_uri(uri, f"{where}.python_package_spec.package_uris")
    else:
        raise InvalidArgument(f"{where}: expected container_spec or python_package_spec, received neither")
