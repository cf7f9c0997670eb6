"""Configuration of a training job: the flags that all models share, and the defaults that a model changes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field

from trainer.errors import InputError, describe_values
from trainer.flags import Count, Flag, FlagModel, Fraction, Positive
from trainer.options import AutoencoderOptions, RegressionOptions, ResnetOptions, WideDeepOptions

ModelName = Literal["resnet", "wide_deep", "regression", "autoencoder"]
ScheduleName = Literal["steps", "cosine", "constant"]
OptimizerName = Literal["momentum", "adam"]
PrecisionName = Literal["auto", "float32", "bfloat16"]
Verbosity = Literal["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]

_FOLDER = "a folder or a gs:// URI"

ModelOptions = ResnetOptions | WideDeepOptions | RegressionOptions | AutoencoderOptions

MODEL_OPTIONS: Mapping[ModelName, type[ModelOptions]] = MappingProxyType(
    {
        "resnet": ResnetOptions,
        "wide_deep": WideDeepOptions,
        "regression": RegressionOptions,
        "autoencoder": AutoencoderOptions,
    }
)

_ADAM: Mapping[str, Any] = {
    "optimizer": "adam",
    "base_learning_rate": 1e-3,
    "precision": "float32",
    "learning_rate_schedule": "cosine",
    "weight_decay": 0.0,
    "train_batch_size": 256,
    "eval_batch_size": 1024,
    "train_epochs": 20.0,
    "steps_per_eval": 1000,
    "log_every": 100,
}
_TABLE: Mapping[str, Any] = {**_ADAM, "shuffle_buffer": 100_000}

MODEL_DEFAULTS: Mapping[ModelName, Mapping[str, Any]] = MappingProxyType(
    {"resnet": {}, "wide_deep": _TABLE, "regression": _TABLE, "autoencoder": {**_ADAM, "train_epochs": 5.0}}
)
"""Per model, the fields of `TrainConfig` whose default differs."""


class TrainConfig(FlagModel):
    """Flags of any training job; `of` fills in the defaults of the model."""

    data_dir: Annotated[
        str,
        Field(
            min_length=1,
            title="Data folder",
            description="Folder or gs:// URI of the TFRecords and their features.json; several, with commas "
            "between them, are trained on together",
        ),
        Flag(several=True, expected=_FOLDER),
    ]
    train_files: Annotated[
        str,
        Field(
            title="Training files",
            description="Shards to train on in place of all, with commas between them; * and ? are allowed",
        ),
        Flag(several=True, aliases=("train_data_paths",)),
    ] = ""
    eval_files: Annotated[
        str,
        Field(
            title="Evaluation files",
            description="Shards to evaluate in place of all validation shards, with commas between them",
        ),
        Flag(several=True, aliases=("eval_data_paths",)),
    ] = ""
    job_dir: Annotated[
        str,
        Field(
            min_length=1,
            title="Job folder",
            description="Folder or gs:// URI of everything that the job writes",
        ),
        Flag(expected=_FOLDER, aliases=("output_dir", "model_dir")),
    ]
    model: Annotated[ModelName, Field(title="Model", description="Model to train")] = "resnet"
    train_batch_size: Annotated[
        Count,
        Field(title="Training batch size", description="Examples per training step, over all replicas"),
    ] = 128
    eval_batch_size: Annotated[
        Count,
        Field(title="Evaluation batch size", description="Examples per evaluation step, over all replicas"),
        Flag(free_on_resume=True),
    ] = 128
    train_steps: Annotated[
        Count | None,
        Field(title="Training steps", description="Optimizer steps; by default what the epochs take"),
    ] = None
    train_epochs: Annotated[
        Positive,
        Field(
            title="Epochs",
            description="Passes over the training records, where no number of training steps is given",
        ),
        Flag(aliases=("num_epochs", "epochs")),
    ] = 90.0
    steps_per_eval: Annotated[
        Count,
        Field(
            title="Evaluation interval (steps)",
            description="Steps between evaluations; a checkpoint is written at each",
        ),
        Flag(free_on_resume=True, aliases=("min_eval_frequency",)),
    ] = 250
    eval_steps: Annotated[
        Count | None,
        Field(
            title="Evaluation steps",
            description="Steps of an evaluation while training; by default, and in the last one, all records",
        ),
        Flag(free_on_resume=True),
    ] = None
    log_every: Annotated[
        Count,
        Field(
            title="Logging interval (steps)",
            description="Steps between progress lines, and per call of the compiled loop",
        ),
        Flag(free_on_resume=True),
    ] = 10
    optimizer: Annotated[
        OptimizerName,
        Field(title="Optimizer", description="Nesterov momentum (SGD) or Adam"),
    ] = "momentum"
    base_learning_rate: Annotated[
        Positive,
        Field(
            title="Learning rate",
            description="Peak learning rate; with the momentum optimizer for a batch of 256, and scaled with "
            "the batch",
        ),
    ] = 0.1
    learning_rate_schedule: Annotated[
        ScheduleName,
        Field(
            title="Learning rate schedule",
            description="Decay after the warm-up: steps at 30, 60 and 80 of 90 parts, a cosine, or constant",
        ),
    ] = "steps"
    momentum: Annotated[
        Fraction, Field(title="Momentum", description="Momentum coefficient of the momentum optimizer")
    ] = 0.9
    weight_decay: Annotated[
        float,
        Field(
            ge=0, title="Weight decay", description="L2 regularization: coefficient of the weights' L2 loss"
        ),
    ] = 1e-4
    precision: Annotated[
        PrecisionName,
        Field(
            title="Mixed precision",
            description="Floating-point type of the computation; auto takes bfloat16 where it is faster",
        ),
    ] = "auto"
    seed: Annotated[
        int,
        Field(ge=0, title="Random seed", description="Seed of weights, shuffling and data augmentation"),
    ] = 0
    shuffle_buffer: Annotated[
        Count, Field(title="Shuffle buffer size", description="Records that are shuffled at a time")
    ] = 4096
    production_model: Annotated[
        str,
        Field(
            title="Production model",
            description="SavedModel in production, evaluated on the same records for comparison",
        ),
        Flag(free_on_resume=True),
    ] = ""
    production_version: Annotated[
        str,
        Field(title="Production version", description="Version of the production model, for the report"),
        Flag(free_on_resume=True),
    ] = ""
    slices: Annotated[
        str,
        Field(
            title="Slices",
            description="Features by whose values the validation records are evaluated, too, with commas "
            "between them; the label is one",
        ),
        Flag(free_on_resume=True),
    ] = ""
    operating_point: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            title="Operating point",
            description="Least probability of the second of two classes with which precision, recall and F1 "
            "count it as predicted",
        ),
        Flag(free_on_resume=True),
    ] = 0.5
    holdout_folds: Annotated[
        int,
        Field(
            ge=0,
            title="Holdout folds",
            description="Validate on every Nth record of the training split, in place of the validation "
            "split, and train on the others: for a search, whose choice the validation split must not see; 0 "
            "for no such fold",
        ),
        Flag(expected="0, or 2 or more"),
    ] = 0
    verbosity: Annotated[
        Verbosity,
        Field(title="Log level", description="Lowest severity of the messages that are logged"),
        Flag(free_on_resume=True),
    ] = "INFO"
    options: ModelOptions

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Make the configuration of a model from its flags and the common ones side by side, by field.

        Raises:
            InputError: a value is not allowed.
        """
        model: ModelName = values.setdefault("model", "resnet")
        check_model(model)
        options = MODEL_OPTIONS[model]
        of_model = options.model_fields.keys()
        common = {**MODEL_DEFAULTS[model], **{k: v for k, v in values.items() if k not in of_model}}
        return cls(**common, options=options(**{k: v for k, v in values.items() if k in of_model}))

    def parameters(self) -> dict[str, Any]:
        """Return all fields as plain JSON values."""
        values = self.model_dump()
        options = values.pop("options")
        return {**values, **options}

    def identity(self) -> dict[str, Any]:
        """Return the fields that a resumed job must have in common with the one that began."""
        free = {name for name in type(self).model_fields if self.flag(name).free_on_resume}
        return {name: value for name, value in self.parameters().items() if name not in free}


def check_model(model: object) -> None:
    """Refuse an unknown model.

    Raises:
        InputError: there is no such model.
    """
    if model not in get_args(ModelName):
        expected = describe_values({"enum": get_args(ModelName)})
        raise InputError("--model", expected=expected, received=model)
