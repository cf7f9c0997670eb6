"""The models that can be trained, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from dataset_contract.contract import RecordFormat

from trainer.config import TrainConfig
from trainer.models import resnet


@dataclass(frozen=True, kw_only=True)
class ModelFamily:
    """How to build a kind of model.

    Attributes:
        record_format: of the datasets that it can be trained on.
        build: makes an untrained `keras.Model` of a configuration, a number of classes and a Keras dtype
            policy. It takes float32 inputs and gives float32 logits (batch, classes).
    """

    record_format: RecordFormat
    build: Callable[[TrainConfig, int, str], Any]


def _resnet(config: TrainConfig, classes: int, policy: str) -> Any:
    return resnet.resnet(config.resnet_depth, image_size=config.image_size, classes=classes, policy=policy)


MODELS: Mapping[str, ModelFamily] = MappingProxyType(
    {"resnet": ModelFamily(record_format="image", build=_resnet)}
)
