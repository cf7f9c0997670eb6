"""The program that trains, as a CustomJobSpec of Vertex AI: its image, its flags, its machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contract import TrainingSpec
from retraining.bench import Bench
from retraining.errors import ConfigurationError
from retraining.params import SPOT, TIER
from retraining.settings import Settings
from retraining.tiers import find_tier, load_tiers


def training_arguments(
    training: TrainingSpec, params: Mapping[str, Any], tuned: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The program's arguments: what a search has found, else the run's, else the spec's."""
    asked = {name: params.get(name, value) for name, value in training.arguments.items()}
    return asked | dict(tuned or {})


def job_spec(
    bench: Bench, training: TrainingSpec, *, flags: Mapping[str, Any], output: str
) -> dict[str, Any]:
    """The job that runs a dataset's training program.

    Args:
        bench: the step's surroundings; the run's parameters say which machines.
        training: how the dataset's model is trained.
        flags: of the program, without the dashes.
        output: the folder that Vertex AI names to the program, with a slash at its end.

    Raises:
        ConfigurationError: there is no such tier, or no such image beside the trainer's.
    """
    settings = bench.settings
    tier = find_tier(bench.params.get(TIER, training.tier), load_tiers(settings.tiers_file))
    container: dict[str, Any] = {
        "image_uri": training_image(training, settings),
        "args": [f"--{name}={value}" for name, value in flags.items()],
    }
    if training.image is None:
        container["command"] = ["python", "-m", training.module]
    scheduling: dict[str, Any] = {"timeout": {"seconds": training.timeout_seconds}}
    if tier.spot or bench.params.get(SPOT, False):
        # https://cloud.google.com/vertex-ai/docs/training/use-spot-vms
        scheduling["strategy"] = "SPOT"
    spec: dict[str, Any] = {
        "worker_pool_specs": [pool.to_spec(container) for pool in tier.pools],
        "base_output_directory": {"output_uri_prefix": output},
        "scheduling": scheduling,
    }
    if settings.service_account:
        spec["service_account"] = settings.service_account
    return spec


def training_image(training: TrainingSpec, settings: Settings) -> str:
    """The URI of the image that trains: the trainer's, another, or one that lies beside the trainer's.

    Raises:
        ConfigurationError: the trainer's image has no tag that its neighbour could have too.
    """
    image = training.image
    if image is None:
        return settings.trainer_image
    if "/" in image:
        return image
    folder, _, last = settings.trainer_image.rpartition("/")
    _, colon, tag = last.partition(":")
    if not folder or not colon or "@" in last:
        raise ConfigurationError(
            f"PERENNIAL_TRAINER_IMAGE: expected FOLDER/NAME:TAG, to find {image!r} beside it, "
            f"received {settings.trainer_image!r}"
        )
    return f"{folder}/{image if ':' in image else f'{image}:{tag}'}"
