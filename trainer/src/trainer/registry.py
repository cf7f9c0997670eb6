"""Registry of the models that can be trained, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from contract.data_contract import TABLES, RecordFormat
from trainer.adapter import ModelAdapter
from trainer.autoencoder import Autoencoder
from trainer.config import ModelName, TrainConfig
from trainer.errors import InputError
from trainer.evaluators import (
    ClassificationEvaluator,
    Evaluator,
    ReconstructionEvaluator,
    RegressionEvaluator,
)
from trainer.network import regression, wide_deep
from trainer.records import Records
from trainer.resnet import ImageClassifier
from trainer.tables import TableAdapter


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Factories of a kind of model.

    Attributes:
        record_formats: of the datasets that it can be trained on.
        create: returns an untrained model of a configuration, a dataset and a Keras dtype policy.
        evaluator: returns the evaluator of its predictions on a dataset.
    """

    record_formats: tuple[RecordFormat, ...]
    create: Callable[[TrainConfig, Records, str], ModelAdapter]
    evaluator: Callable[[TrainConfig, Records], Evaluator]


def model_spec(config: TrainConfig, records: Records) -> ModelSpec:
    """Return the registered model of a configuration.

    Raises:
        InputError: it can't be trained on these records.
    """
    spec = REGISTRY[config.model]
    if records.contract.record_format not in spec.record_formats:
        raise InputError(
            f"record_format of {config.data_dir}",
            expected=f"one of {spec.record_formats} for --model {config.model}",
            received=records.contract.record_format,
        )
    return spec


def _resnet(config: TrainConfig, records: Records, policy: str) -> ModelAdapter:
    options: Any = config.options
    return ImageClassifier(records, options, policy=policy)


def _autoencoder(config: TrainConfig, records: Records, policy: str) -> ModelAdapter:
    options: Any = config.options
    return Autoencoder(records, options, policy=policy)


def _table(build: Callable[..., Any]) -> Callable[[TrainConfig, Records, str], ModelAdapter]:
    def create(config: TrainConfig, records: Records, policy: str) -> ModelAdapter:
        options: Any = config.options
        model = build(records.contract, records.statistics, options, policy=policy, seed=config.seed)
        is_balanced = getattr(options, "class_weights", "none") == "balanced"
        return TableAdapter(
            model,
            records.contract,
            export_format=options.export_format,
            class_weights=records.balanced_weights if is_balanced else None,
        )

    return create


def _classification_evaluator(config: TrainConfig, records: Records) -> Evaluator:
    return ClassificationEvaluator(records, operating_point=config.operating_point)


def _regression_evaluator(_config: TrainConfig, records: Records) -> Evaluator:
    return RegressionEvaluator(records)


def _reconstruction_evaluator(config: TrainConfig, records: Records) -> Evaluator:
    options: Any = config.options
    return ReconstructionEvaluator(records, image_size=options.image_size)


REGISTRY: Mapping[ModelName, ModelSpec] = MappingProxyType(
    {
        "resnet": ModelSpec(record_formats=("image",), create=_resnet, evaluator=_classification_evaluator),
        "autoencoder": ModelSpec(
            record_formats=("image", "idx"), create=_autoencoder, evaluator=_reconstruction_evaluator
        ),
        "wide_deep": ModelSpec(
            record_formats=TABLES, create=_table(wide_deep), evaluator=_classification_evaluator
        ),
        "regression": ModelSpec(
            record_formats=TABLES, create=_table(regression), evaluator=_regression_evaluator
        ),
    }
)
