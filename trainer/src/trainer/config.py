"""All that a training job is told, checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from trainer.defaults import MODEL_DEFAULTS, MODEL_OPTIONS, ModelName, ModelOptions
from trainer.errors import InputError
from trainer.ranges import (
    COUNT,
    NOT_NEGATIVE,
    OPTIONAL_COUNT,
    PLACE,
    POSITIVE,
    SHARE,
    Range,
    check,
    one_of,
)

ScheduleName = Literal["steps", "cosine", "constant"]
OptimizerName = Literal["momentum", "adam"]
PrecisionName = Literal["auto", "float32", "bfloat16"]
Verbosity = Literal["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]

_FREE_ON_RESUME = (
    "log_every",
    "steps_per_eval",
    "eval_steps",
    "eval_batch_size",
    "production_model",
    "production_version",
    "verbosity",
)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training job; `of` fills in what is best for the model.

    Attributes:
        data_dir: folder or gs:// URI of the TFRecords and their features.json; several, with commas between
            them, are trained on together
        train_files: shards to train on in place of all, with commas between them; * and ? are allowed
        eval_files: shards to evaluate in place of all, in the same way
        job_dir: folder or gs:// URI for everything that the job leaves behind
        model: what to train
        train_batch_size: examples per step, over all replicas
        eval_batch_size: examples per evaluation step, over all replicas
        train_steps: optimizer steps (default: as many as --train-epochs takes)
        train_epochs: passes over the training records, where --train-steps is not given
        steps_per_eval: steps between evaluations; a checkpoint is written at each
        eval_steps: steps of an evaluation while training (default: all records; the last evaluation sees all)
        log_every: steps between progress lines, and per call of the compiled loop
        optimizer: momentum is Nesterov's
        base_learning_rate: with momentum it is for a batch of 256, and scaled with the batch
        learning_rate_schedule: after a warm-up: steps at 30, 60 and 80 of 90 parts, a cosine, or constant
        momentum: of the optimizer with momentum
        weight_decay: factor of the L2 loss of the weights
        precision: auto takes bfloat16 where the processor gains from it
        seed: of weights, shuffling and augmentation
        shuffle_buffer: records that are shuffled at a time
        production_model: SavedModel in production, evaluated on the same records
        production_version: its version, for the report
        verbosity: how much is logged
        options: the flags of the model.

    Raises:
        InputError: a value is out of range.
    """

    data_dir: str
    train_files: str = ""
    eval_files: str = ""
    job_dir: str
    model: ModelName = "resnet"
    train_batch_size: int = 128
    eval_batch_size: int = 128
    train_steps: int | None = None
    train_epochs: float = 90.0
    steps_per_eval: int = 250
    eval_steps: int | None = None
    log_every: int = 10
    optimizer: OptimizerName = "momentum"
    base_learning_rate: float = 0.1
    learning_rate_schedule: ScheduleName = "steps"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    precision: PrecisionName = "auto"
    seed: int = 0
    shuffle_buffer: int = 4096
    production_model: str = ""
    production_version: str = ""
    verbosity: Verbosity = "INFO"
    options: ModelOptions

    def __post_init__(self) -> None:
        check(self, _RANGES)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """A job of a model: its flags and the common ones side by side, by field.

        Raises:
            InputError: a value is out of range.
        """
        model: ModelName = values.setdefault("model", "resnet")
        check_model(model)
        options = MODEL_OPTIONS[model]
        of_model = {field.name for field in fields(options)}
        common = {**MODEL_DEFAULTS[model], **{k: v for k, v in values.items() if k not in of_model}}
        return cls(**common, options=options(**{k: v for k, v in values.items() if k in of_model}))

    def parameters(self) -> dict[str, Any]:
        """All fields as plain JSON values."""
        values = asdict(self)
        return {**values, **values.pop("options")}

    def identity(self) -> dict[str, Any]:
        """The fields that a resumed job must have in common with the one that began."""
        return {name: value for name, value in self.parameters().items() if name not in _FREE_ON_RESUME}


def check_model(model: object) -> None:
    """See that there is such a model.

    Raises:
        InputError: there is none.
    """
    expected, holds = one_of(ModelName)
    if not holds(model):
        raise InputError("--model", expected=expected, received=model)


_RANGES: dict[str, Range] = {
    "data_dir": PLACE,
    "job_dir": PLACE,
    "train_batch_size": COUNT,
    "eval_batch_size": COUNT,
    "train_steps": OPTIONAL_COUNT,
    "train_epochs": POSITIVE,
    "steps_per_eval": COUNT,
    "eval_steps": OPTIONAL_COUNT,
    "log_every": COUNT,
    "optimizer": one_of(OptimizerName),
    "base_learning_rate": POSITIVE,
    "learning_rate_schedule": one_of(ScheduleName),
    "momentum": SHARE,
    "weight_decay": NOT_NEGATIVE,
    "precision": one_of(PrecisionName),
    "seed": NOT_NEGATIVE,
    "shuffle_buffer": COUNT,
    "verbosity": one_of(Verbosity),
}
