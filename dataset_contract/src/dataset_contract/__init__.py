"""What a dataset is: its features, split, training, gate and schedule. Standard library only."""

from dataset_contract.contract import (
    FEATURES_FILENAME,
    RECORD_FORMAT_VERSION,
    TEST_SPLIT,
    TRAIN_SPLIT,
    VALIDATION_SPLIT,
    DataContract,
    SplitSpec,
)
from dataset_contract.csv_format import CsvFormat
from dataset_contract.errors import ContractError
from dataset_contract.features import FeatureSpec
from dataset_contract.kinds import category, class_label, idx_features, image_features, key, number, target
from dataset_contract.spec import DatasetSpec, GateSpec, NewData, Search, TrainingSpec, TuningSpec
from dataset_contract.statistics import (
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
