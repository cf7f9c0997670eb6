"""What a model is made from, as one label: two runs with the same recipe would make the same model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from contract import DatasetSpec
from retraining import labels
from retraining.errors import UnchangedError
from retraining.job_spec import training_arguments, training_image
from retraining.params import RECONVERT, TUNE, UNCHANGED
from retraining.settings import Settings

if TYPE_CHECKING:
    from retraining.bench import Bench
    from retraining.google.models import ModelVersion


def recipe(spec: DatasetSpec, *, snapshot: str, params: Mapping[str, Any], settings: Settings) -> str:
    """A digest of all that decides what is learned: records, program, arguments and search.

    The machines are no part of it: they decide how long it takes.

    Args:
        spec: the dataset.
        snapshot: the id of its raw data.
        params: the run's parameters.
        settings: the deployment, whose image trains.

    Raises:
        ConfigurationError: the training's image can't be named.
    """
    return labels.digest(
        {
            "records": spec.contract.conversion_key(snapshot),
            "image": training_image(spec.training, settings),
            "module": spec.training.module,
            "arguments": training_arguments(spec.training, params),
            "tune": bool(params.get(TUNE, False)),
        }
    )


def skips_unchanged(bench: Bench) -> bool:
    """Whether a run is content with what is in production, if that was made from the same.

    A run that somebody asked for, by hand or by a backfill, has something to do unless it says otherwise.
    """
    asked = bench.params.get(UNCHANGED, "auto")
    if asked != "auto":
        return bool(asked == "skip")
    return bench.run.unasked and not bench.params.get(RECONVERT, False)


def check_changed(bench: Bench, spec: DatasetSpec, snapshot: str, production: ModelVersion | None) -> None:
    """See that a run would make another model than the one in production.

    Args:
        bench: the step's surroundings.
        spec: the dataset.
        snapshot: the id of the raw data that the run sees.
        production: the version that answers users, if there is one.

    Raises:
        UnchangedError: it would not; the message is the evidence.
    """
    ours = recipe(spec, snapshot=snapshot, params=bench.params, settings=bench.settings)
    if production is not None and production.labels.get(labels.RECIPE) == ours:
        raise UnchangedError(
            f"nothing new: version {production.version} in production was trained on snapshot {snapshot} "
            f"with the same contract, program and arguments (recipe {ours})"
        )
