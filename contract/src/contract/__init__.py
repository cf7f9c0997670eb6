"""The contract of a dataset: features, split, training, gate and schedule, and all that crosses a room."""

from contract.data_contract import (
    FEATURES_FILENAME,
    RECORD_FORMAT_VERSION,
    TEST_SPLIT,
    TRAIN_SPLIT,
    VALIDATION_SPLIT,
    CsvFormat,
    DataContract,
    SplitSpec,
)
from contract.dataset import DatasetSpec, NewData, Search, TrainingSpec, TuningSpec
from contract.features import (
    FeatureSpec,
    category,
    class_label,
    idx_features,
    image_features,
    key,
    number,
    target,
    timestamp,
)
from contract.gate_spec import GateSpec
from contract.release_spec import RolloutSpec, ServingSpec
from contract.statistics import CategoricalStatistics, DatasetStatistics, NumberStatistics
from contract.validation import ContractError

__all__ = [
    "FEATURES_FILENAME",
    "RECORD_FORMAT_VERSION",
    "TEST_SPLIT",
    "TRAIN_SPLIT",
    "VALIDATION_SPLIT",
    "CategoricalStatistics",
    "ContractError",
    "CsvFormat",
    "DataContract",
    "DatasetSpec",
    "DatasetStatistics",
    "FeatureSpec",
    "GateSpec",
    "NewData",
    "NumberStatistics",
    "RolloutSpec",
    "Search",
    "ServingSpec",
    "SplitSpec",
    "TrainingSpec",
    "TuningSpec",
    "category",
    "class_label",
    "idx_features",
    "image_features",
    "key",
    "number",
    "target",
    "timestamp",
]
