"""What a serving container runs and is told.

https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements#aip-variables
"""

from __future__ import annotations

from typing import Any

from emulator.config import Config
from emulator.errors import FailedPrecondition
from emulator.vertex.containers import UnmappedImageError, find_module, module_argv
from emulator.vertex.names import id_of, project_of
from emulator.vertex.servers import ServerSpec

_STARTUP_SECONDS = 600.0


def server_spec(
    config: Config, endpoint: str, deployed: Any, model: Any, *, delay_seconds: float = 0.0
) -> ServerSpec:
    """How a deployed model is served.

    Args:
        config: the emulator's.
        endpoint: the endpoint's name.
        deployed: the DeployedModel.
        model: the Model, of the deployed version.
        delay_seconds: how long the machine takes before the server starts.

    Raises:
        FailedPrecondition: no module stands for the container's image.
    """
    container = model.container_spec
    module = find_module(config.images, container.image_uri)
    if module is None:
        error = UnmappedImageError(
            config.images, container.image_uri, instead="Serving images are run in no container engine."
        )
        raise FailedPrecondition(str(error))
    base_route = f"/v1/endpoints/{id_of(endpoint)}/deployedModels/{deployed.id}"
    health_route = container.health_route or base_route
    predict_route = container.predict_route or f"{base_route}:predict"
    machine = deployed.dedicated_resources.machine_spec
    timeout = container.deployment_timeout
    environment = {
        **config.child_environment(project_of(endpoint)),
        "PYTHONUNBUFFERED": "1",
        "AIP_ACCELERATOR_TYPE": machine.accelerator_type.name if machine.accelerator_type else "",
        "AIP_DEPLOYED_MODEL_ID": deployed.id,
        "AIP_ENDPOINT_ID": id_of(endpoint),
        "AIP_FRAMEWORK": "CUSTOM_CONTAINER",
        "AIP_HEALTH_ROUTE": health_route,
        "AIP_MACHINE_TYPE": machine.machine_type,
        "AIP_MODE": "PREDICTION",
        "AIP_MODEL_NAME": id_of(model.name),
        "AIP_PREDICT_ROUTE": predict_route,
        "AIP_PROJECT_NUMBER": project_of(endpoint),
        "AIP_STORAGE_URI": model.artifact_uri,
        "AIP_VERSION_NAME": model.version_id,
    }
    return ServerSpec(
        argv=module_argv(module, command=container.command, args=container.args),
        environment=environment | {variable.name: variable.value for variable in container.env},
        health_route=health_route,
        predict_route=predict_route,
        startup_seconds=timeout.total_seconds() if timeout else _STARTUP_SECONDS,
        delay_seconds=delay_seconds,
    )
