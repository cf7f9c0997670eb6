"""All that a training job is told, checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from trainer.errors import InputError

ModelName = Literal["resnet"]
ResnetDepth = Literal[18, 34, 50, 101, 152, 200]
ScheduleName = Literal["steps", "cosine"]
PrecisionName = Literal["auto", "float32", "bfloat16"]

_FREE_ON_RESUME = ("log_every", "steps_per_eval", "eval_batch_size", "production_model", "production_version")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training job. The defaults are the source's ResNet-18 at 224 pixels.

    Attributes:
        data_dir: the folder or `gs://` URI of the TFRecords and their `features.json`.
        job_dir: the folder or `gs://` URI that takes everything that the job leaves behind.
        model: a name in `trainer.models.MODELS`.
        resnet_depth: layers of the ResNet.
        image_size: side of the square that the model sees, in pixels.
        train_batch_size: images per step, over all replicas.
        eval_batch_size: images per evaluation step, over all replicas.
        train_steps: optimizer steps; `None` for `train_epochs`.
        train_epochs: passes over the training records, where `train_steps` is not given.
        steps_per_eval: steps between evaluations; a checkpoint is written at each.
        log_every: steps between progress lines, and per call of the compiled loop.
        base_learning_rate: for a batch of 256; scaled with the batch.
        learning_rate_schedule: `steps` is the source's, `cosine` decays to 0.
        momentum: Nesterov momentum.
        weight_decay: factor of the L2 loss of all weights that are not of a batch normalization.
        label_smoothing: probability mass that is spread over all classes, 0 to below 1.
        crop_area_min: the smallest share of an image that a random crop keeps.
        precision: `auto` takes bfloat16 where the processor gains from it.
        seed: of weights, shuffling and augmentation.
        shuffle_buffer: records that are shuffled at a time.
        production_model: the SavedModel in production, to be evaluated on the same records; empty for none.
        production_version: its version, for the report.

    Raises:
        InputError: a value is out of range.
    """

    data_dir: str
    job_dir: str
    model: ModelName = "resnet"
    resnet_depth: ResnetDepth = 18
    image_size: int = 224
    train_batch_size: int = 128
    eval_batch_size: int = 128
    train_steps: int | None = None
    train_epochs: float = 90.0
    steps_per_eval: int = 250
    log_every: int = 10
    base_learning_rate: float = 0.1
    learning_rate_schedule: ScheduleName = "steps"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    label_smoothing: float = 0.0
    crop_area_min: float = 0.08
    precision: PrecisionName = "auto"
    seed: int = 0
    shuffle_buffer: int = 4096
    production_model: str = ""
    production_version: str = ""

    def __post_init__(self) -> None:
        for name, (expected, is_allowed) in _ALLOWED.items():
            value = getattr(self, name)
            if not is_allowed(value):
                raise InputError(flag_of(name), expected=expected, received=value)

    def parameters(self) -> dict[str, Any]:
        """All fields as plain JSON values."""
        return asdict(self)

    def identity(self) -> dict[str, Any]:
        """The fields that a resumed job must have in common with the one that began."""
        return {name: value for name, value in asdict(self).items() if name not in _FREE_ON_RESUME}


def flag_of(field: str) -> str:
    """The command line flag of a field."""
    return "--" + field.replace("_", "-")


def _one_of(choices: object) -> tuple[str, Callable[[Any], bool]]:
    return f"one of {get_args(choices)}", lambda value: value in get_args(choices)


_PLACE = ("a folder or a gs:// URI", bool)
_COUNT = ("1 or more", lambda value: value >= 1)
_POSITIVE = ("a number above 0", lambda value: math.isfinite(value) and value > 0)
_SHARE = ("0 to below 1", lambda value: 0 <= value < 1)
_ALLOWED: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "data_dir": _PLACE,
    "job_dir": _PLACE,
    "model": _one_of(ModelName),
    "resnet_depth": _one_of(ResnetDepth),
    "image_size": ("32 to 1024 pixels", lambda value: 32 <= value <= 1024),
    "train_batch_size": _COUNT,
    "eval_batch_size": _COUNT,
    "train_steps": ("1 or more", lambda value: value is None or value >= 1),
    "train_epochs": _POSITIVE,
    "steps_per_eval": _COUNT,
    "log_every": _COUNT,
    "base_learning_rate": _POSITIVE,
    "learning_rate_schedule": _one_of(ScheduleName),
    "momentum": _SHARE,
    "weight_decay": _SHARE,
    "label_smoothing": _SHARE,
    "crop_area_min": ("above 0, to 1", lambda value: 0 < value <= 1),
    "precision": _one_of(PrecisionName),
    "seed": ("0 or more", lambda value: value >= 0),
    "shuffle_buffer": _COUNT,
}
