"""Container images and the Python modules that run in their place; the serving container of a model.

https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements#aip-variables
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emulator.config import Config
from emulator.errors import FailedPrecondition
from emulator.vertex.names import id_of, project_of

_STARTUP_SECONDS = 600.0


class UnmappedImageError(Exception):
    """No module is mapped to an image, and nothing else runs it."""

    def __init__(self, images: Mapping[str, str], image_uri: str, *, instead: str) -> None:
        """Name the known images and the ways out.

        Args:
            images: the emulator's image map.
            image_uri: the image.
            instead: the reason that no other way is left, as a sentence.
        """
        known = ", ".join(sorted(images)) or "none"
        super().__init__(
            f"The image {image_uri} can't be run here: no --image NAME=MODULE of the emulator stands for it "
            f"(known names: {known}). {instead} To run the same code as a package, start the emulator with "
            f"--image NAME=MODULE, where NAME is the end of {strip_tag(image_uri)}."
        )


@dataclass(frozen=True, kw_only=True)
class ServerSpec:
    """Command, environment and routes of a model's server.

    Attributes:
        argv: the command line.
        environment: its whole environment, without the port.
        health_route: the route that answers 200 once the model is loaded.
        predict_route: the route for predictions.
        startup_seconds: the most time until it is ready.
        delay_seconds: the time before its machine starts the server.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    health_route: str
    predict_route: str
    startup_seconds: float
    delay_seconds: float = 0.0


def strip_tag(image_uri: str) -> str:
    """Return an image's URI without its tag and digest."""
    head, separator, last = image_uri.partition("@")[0].rpartition("/")
    return head + separator + last.partition(":")[0]


def find_module(images: Mapping[str, str], image_uri: str) -> str | None:
    """Return the module that an image is mapped to; `None` if there is none.

    Args:
        images: the end of an image's URI without its tag -> the module; the longest match counts.
        image_uri: the container's image.
    """
    uri = strip_tag(image_uri)
    matching = [name for name in images if uri == name or uri.endswith(f"/{name}")]
    return images[max(matching, key=len)] if matching else None


def module_argv(module: str, *, command: Sequence[str], args: Sequence[str]) -> list[str]:
    """Return the command line of a module that runs in place of an image.

    Args:
        module: the module; it replaces the image's entry point.
        command: replaces the entry point, if not empty; `python` in it is this interpreter.
        args: the arguments of either.
    """
    if not command:
        return [sys.executable, "-m", module, *args]
    program = sys.executable if command[0] in ("python", "python3") else command[0]
    return [program, *command[1:], *args]


def server_spec(
    config: Config, endpoint: str, deployed: Any, model: Any, *, delay_seconds: float = 0.0
) -> ServerSpec:
    """Return the command, environment and routes of a deployed model's server.

    Args:
        config: the emulator's.
        endpoint: the endpoint's name.
        deployed: the DeployedModel.
        model: the Model, of the deployed version.
        delay_seconds: the time before the machine starts the server.

    Raises:
        FailedPrecondition: the container's image is mapped to no module.
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
        **config.job_environment(project_of(endpoint), deployed.service_account),
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
