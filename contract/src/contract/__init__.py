"""What a dataset is: its features, split, training, gate and schedule. Standard library only."""

from contract.contract import (
    FEATURES_FILENAME,
    RECORD_FORMAT_VERSION,
    TEST_SPLIT,
    TRAIN_SPLIT,
    VALIDATION_SPLIT,
    DataContract,
    SplitSpec,
)
from contract.csv_format import CsvFormat
from contract.errors import ContractError
from contract.features import FeatureSpec
from contract.kinds import category, class_label, idx_features, image_features, key, number, target
from contract.spec import DatasetSpec, GateSpec, NewData, Search, TrainingSpec, TuningSpec
from contract.statistics import (
    STATISTICS_FILENAME,
    DatasetStatistics,
    NumberStatistics,
    WordStatistics,
)

__all__ = [
    "FEATURES_FILENAME",
    "RECORD_FORMAT_VERSION",
    "STATISTICS_FILENAME",
    "TEST_SPLIT",
    "TRAIN_SPLIT",
    "VALIDATION_SPLIT",
    "ContractError",
    "CsvFormat",
    "DataContract",
    "DatasetSpec",
    "DatasetStatistics",
    "FeatureSpec",
    "GateSpec",
    "NewData",
    "NumberStatistics",
    "Search",
    "SplitSpec",
    "TrainingSpec",
    "TuningSpec",
    "WordStatistics",
    "category",
    "class_label",
    "idx_features",
    "image_features",
    "key",
    "number",
    "target",
]
