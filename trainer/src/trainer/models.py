"""The models that can be trained, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from contract.contract import RecordFormat
from trainer.config import TrainConfig
from trainer.defaults import ModelName
from trainer.errors import InputError
from trainer.images.autoencoder import Autoencoder
from trainer.images.classifier import ImageClassifier
from trainer.learner import Learner
from trainer.records import Records
from trainer.scores.classes import ClassScorer
from trainer.scores.numbers import NumberScorer
from trainer.scores.pictures import PictureScorer
from trainer.scores.score import Scorer
from trainer.tables.learner import TableLearner
from trainer.tables.regression import regression
from trainer.tables.wide_deep import wide_deep


@dataclass(frozen=True, kw_only=True)
class ModelFamily:
    """How to make and to judge a kind of model.

    Attributes:
        record_formats: of the datasets that it can be trained on.
        create: makes an untrained learner of a configuration, a dataset and a Keras dtype policy.
        scorer: judges answers about a dataset.
    """

    record_formats: tuple[RecordFormat, ...]
    create: Callable[[TrainConfig, Records, str], Learner]
    scorer: Callable[[TrainConfig, Records], Scorer]


def family_of(config: TrainConfig, records: Records) -> ModelFamily:
    """The family of the model that a configuration names.

    Raises:
        InputError: it can't be trained on these records.
    """
    family = MODELS[config.model]
    if records.contract.record_format not in family.record_formats:
        raise InputError(
            f"record_format of {config.data_dir}",
            expected=f"one of {family.record_formats} for --model {config.model}",
            received=records.contract.record_format,
        )
    return family


def _resnet(config: TrainConfig, records: Records, policy: str) -> Learner:
    options: Any = config.options
    return ImageClassifier(records, options, policy=policy)


def _autoencoder(config: TrainConfig, records: Records, policy: str) -> Learner:
    options: Any = config.options
    return Autoencoder(records, options, policy=policy)


def _table(build: Callable[..., Any]) -> Callable[[TrainConfig, Records, str], Learner]:
    def create(config: TrainConfig, records: Records, policy: str) -> Learner:
        options: Any = config.options
        model = build(records.contract, records.statistics, options, policy=policy, seed=config.seed)
        return TableLearner(model, records.contract, export_format=options.export_format)

    return create


def _class_scorer(_config: TrainConfig, records: Records) -> Scorer:
    return ClassScorer(records)


def _number_scorer(_config: TrainConfig, records: Records) -> Scorer:
    return NumberScorer(records)


def _picture_scorer(config: TrainConfig, records: Records) -> Scorer:
    options: Any = config.options
    return PictureScorer(records, image_size=options.image_size)


MODELS: Mapping[ModelName, ModelFamily] = MappingProxyType(
    {
        "resnet": ModelFamily(record_formats=("image",), create=_resnet, scorer=_class_scorer),
        "autoencoder": ModelFamily(
            record_formats=("image", "idx"), create=_autoencoder, scorer=_picture_scorer
        ),
        "wide_deep": ModelFamily(record_formats=("csv",), create=_table(wide_deep), scorer=_class_scorer),
        "regression": ModelFamily(record_formats=("csv",), create=_table(regression), scorer=_number_scorer),
    }
)
