"""What a dataset is: its features, split, training, gate and schedule. Standard library only."""

from dataset_contract.contract import (
    FEATURES_FILENAME,
    RECORD_FORMAT_VERSION,
    TRAIN_SPLIT,
    VALIDATION_SPLIT,
    DataContract,
    SplitSpec,
)
from dataset_contract.errors import ContractError
from dataset_contract.features import FeatureSpec, image_features
from dataset_contract.spec import DatasetSpec, GateSpec, TrainingSpec

__all__ = [
    "FEATURES_FILENAME",
    "RECORD_FORMAT_VERSION",
    "TRAIN_SPLIT",
    "VALIDATION_SPLIT",
    "ContractError",
    "DataContract",
    "DatasetSpec",
    "FeatureSpec",
    "GateSpec",
    "SplitSpec",
    "TrainingSpec",
    "image_features",
]
