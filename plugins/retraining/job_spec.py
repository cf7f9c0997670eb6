"""Training program of a dataset: arguments, machines, image, CustomJobSpec, and its inputs' fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract import ContractError, DatasetSpec, TrainingSpec
from contract.naming import EXPECTED_ACCELERATORS, TIER_LABEL, digest, label_value
from retraining.context import RunContext
from retraining.errors import ConfigurationError
from retraining.params import RETRAIN, SPOT, TIER, TUNE
from retraining.settings import Settings
from retraining.tiers import Machines, Tier, WorkerPool, find_tier, machine_choices
from retraining.training_check import check_batch_size
from retraining.tuning import study_spec


def training_arguments(
    training: TrainingSpec, params: Mapping[str, Any], tuned: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the program's arguments: the tuned ones, else the run's, else the spec's."""
    requested = {name: params.get(name, value) for name, value in training.arguments.items()}
    return requested | dict(tuned or {})


@dataclass(frozen=True, kw_only=True)
class Training:
    """Training program of a dataset, on a tier.

    Attributes:
        program: the program.
        tier: what it runs on.
        spot: as Spot VMs.
        is_fallback: in place of machines that didn't come.
    """

    program: TrainingSpec
    tier: Tier
    spot: bool = False
    is_fallback: bool = False

    @property
    def jobs(self) -> int:
        """Most jobs of a run at the same time: the trials of its tuning, else one."""
        return self.program.tuning.parallel_trials if self.program.tuning else 1


def run_machines(settings: Settings, training: TrainingSpec, params: Mapping[str, Any]) -> list[Machines]:
    """Return the machines that a run asks for, then the deployment's fallbacks that its program can use.

    Args:
        settings: the deployment.
        training: of the dataset.
        params: the run's parameters.

    Raises:
        ConfigurationError: there is no such tier, or no such image beside the trainer's.
        ContractError: the devices of the run's tier can't share its training batch evenly.
    """
    asked, *others = machine_choices(
        find_tier(params.get(TIER, training.tier), settings.tiers),
        spot=bool(params.get(SPOT, False)),
        fallback=settings.infrastructure.training.fallback,
        tiers=settings.tiers,
    )
    check_batch_size(training, params, asked.tier)
    return [asked, *(one for one in others if unusable(one.tier, settings, training, params) is None)]


def unusable(
    tier: Tier, settings: Settings, training: TrainingSpec, params: Mapping[str, Any]
) -> ValueError | None:
    """Return why a program can't train on a tier: its devices can't share the batch, or it has no image."""
    try:
        check_batch_size(training, params, tier)
        image_for(tier, training, settings)
    except (ContractError, ConfigurationError) as error:
        return error
    return None


def job_spec(
    context: RunContext,
    training: TrainingSpec,
    *,
    flags: Mapping[str, Any],
    output: str,
    machines: Machines,
) -> dict[str, Any]:
    """Return the CustomJobSpec that runs a dataset's training program.

    Args:
        context: the task's surroundings.
        training: of the dataset.
        flags: of the program, without the dashes.
        output: the folder that Vertex AI names to the program, with a slash at its end.
        machines: of the job.

    Raises:
        ConfigurationError: there is no such image beside the trainer's.
    """
    settings, pools = context.settings, machines.tier.pools
    container: dict[str, Any] = {
        "image_uri": image_for(machines.tier, training, settings),
        "args": [f"--{name}={value}" for name, value in flags.items()],
    }
    if training.image is None:
        container["command"] = ["python", "-m", training.module]
    scheduling: dict[str, Any] = {"timeout": {"seconds": training.timeout_seconds}}
    if sum(pool.replica_count for pool in pools) > 1:
        # Workers that reduce among themselves don't survive the loss of one.
        scheduling["restart_job_on_worker_restart"] = True
    if machines.spot:
        # https://cloud.google.com/vertex-ai/docs/training/use-spot-vms
        scheduling["strategy"] = "SPOT"
    spec: dict[str, Any] = {
        "worker_pool_specs": [pool.to_spec({**container, **_expectation(pool, settings)}) for pool in pools],
        "base_output_directory": {"output_uri_prefix": output},
        "scheduling": scheduling,
        **settings.infrastructure.training.fields(),
    }
    if settings.service_account:
        spec["service_account"] = settings.service_account
    return spec


def job_fields(settings: Settings, machines: Machines) -> dict[str, Any]:
    """Return the fields of a job that the deployment and its machines determine: its labels, and its key."""
    fields = settings.infrastructure.resource_fields
    return {**fields, "labels": {**fields["labels"], TIER_LABEL: label_value(machines.tier.name)}}


def job_machines(labels: Mapping[str, str], scheduling: Any) -> str:
    """Return the machines of a job in words, as those of `Machines`; empty if it has no such label."""
    tier = labels.get(TIER_LABEL, "").upper()
    return f"{tier} as Spot VMs" if tier and scheduling.strategy.name == "SPOT" else tier


def training_image(training: TrainingSpec, settings: Settings) -> str:
    """Return the URI of the training image: the trainer's, another, or one beside the trainer's.

    Raises:
        ConfigurationError: the trainer's image has no tag that its neighbour could have too.
    """
    image = training.image
    if image is None:
        return settings.trainer_image
    if "/" in image:
        return image
    folder, _, last = settings.trainer_image.rpartition("/")
    tag = settings.image_tag or last.partition("@")[0].partition(":")[2]
    if not folder or not tag:
        raise ConfigurationError(
            f"PERENNIAL_TRAINER_IMAGE: expected FOLDER/NAME:TAG, or PERENNIAL_IMAGE_TAG, to find {image!r} "
            f"beside it, received {settings.trainer_image!r}"
        )
    return f"{folder}/{image if ':' in image else f'{image}:{tag}'}"


def image_for(machines: Tier, training: TrainingSpec, settings: Settings) -> str:
    """Return the URI of the training image for these machines: the trainer's has variants for accelerators.

    Raises:
        ConfigurationError: there is no such image.
    """
    chief = machines.pools[0]
    if training.image is not None:
        return training_image(training, settings)
    if chief.tpu_topology:
        if settings.trainer_tpu_image is None:
            raise ConfigurationError(
                "PERENNIAL_TRAINER_TPU_IMAGE: expected an image with tensorflow-tpu for tier "
                f"{machines.name}, received nothing"
            )
        return settings.trainer_tpu_image
    return settings.trainer_gpu_image if chief.accelerator_type else settings.trainer_image


def _expectation(pool: WorkerPool, settings: Settings) -> dict[str, Any]:
    """Return the container's variable that says which accelerators the trainer must find."""
    if not settings.expect_accelerators or not (pool.accelerator_type or pool.tpu_topology):
        return {}
    expected = "TPU:1" if pool.tpu_topology else f"GPU:{pool.accelerator_count}"
    return {"env": [{"name": EXPECTED_ACCELERATORS, "value": expected}]}


def training_fingerprint(
    spec: DatasetSpec, *, snapshot: str, params: Mapping[str, Any], settings: Settings
) -> str:
    """Return a digest of all that determines the model: records, program, arguments and tuning.

    Two trainings are the same if theirs are the same. The machines are no part of it: they determine only how
    long training takes.

    Args:
        spec: the dataset.
        snapshot: the id of its raw data.
        params: the run's parameters.
        settings: the deployment, whose image trains.

    Raises:
        ConfigurationError: the training image can't be named.
    """
    training, arguments = spec.training, training_arguments(spec.training, params)
    search = training.tuning if params.get(TUNE, False) else None
    if search is not None:
        arguments = {name: value for name, value in arguments.items() if name not in search.parameters}
    return digest(
        {
            "records": spec.contract.conversion_key(snapshot),
            "image": training_image(training, settings),
            "module": training.module,
            "arguments": arguments,
            "study": search and [search.max_trials, study_spec(search, spec.gate)],
        }
    )


def job_inputs(
    context: RunContext, spec: DatasetSpec, *, snapshot: str, data_dir: str, tuned: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """Return all that determines the result of a run's training job or tuning job, as JSON values.

    Args:
        context: the task's surroundings.
        spec: the dataset.
        snapshot: the id of its raw data.
        data_dir: the folder of the records, which a forced reconversion makes anew.
        tuned: arguments of the best trial, in place of the run's.

    Raises:
        ConfigurationError: the training image can't be named.
    """
    params, run, flags = context.params, context.run, spec.gate.evaluation_flags
    return {
        "training": training_fingerprint(spec, snapshot=snapshot, params=params, settings=context.settings),
        "data_dir": data_dir,
        "tuned": dict(tuned),
        "anew": run.clearings if params.get(RETRAIN, False) else None,
        **({"evaluated": flags} if flags else {}),
    }
