"""The models that can be trained: their flags, and what of the common flags is otherwise for them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from trainer.images.options import AutoencoderOptions, ResnetOptions
from trainer.tables.options import RegressionOptions, WideDeepOptions

ModelName = Literal["resnet", "wide_deep", "regression", "autoencoder"]
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
