"""The TFRecords of a dataset and the contract that lies beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from dataset_contract.mount import mounted_path

from dataset_contract import (
    FEATURES_FILENAME,
    TRAIN_SPLIT,
    VALIDATION_SPLIT,
    ContractError,
    DataContract,
    FeatureSpec,
)
from trainer.errors import InputError

_COUNT_BATCH = 1024
_DTYPES = {"string": tf.string, "int64": tf.int64, "float32": tf.float32}


@dataclass(frozen=True, kw_only=True)
class Split:
    """One side of a dataset.

    Attributes:
        name: `train` or `validation`.
        files: its shards, in order.
        label_counts: records of each label, in the order of the vocabulary.
    """

    name: str
    files: tuple[str, ...]
    label_counts: tuple[int, ...]

    @property
    def records(self) -> int:
        """How many records it has."""
        return sum(self.label_counts)


@dataclass(frozen=True, kw_only=True)
class Records:
    """A converted dataset.

    Attributes:
        contract: what its records hold.
        train: what models learn from.
        validation: what they are judged by.
    """

    contract: DataContract
    train: Split
    validation: Split

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the model's output."""
        return self.contract.label.vocabulary

    @classmethod
    def open(cls, data_dir: str) -> Records:
        """Read the contract and count the labels of both sides.

        Args:
            data_dir: a folder or a `gs://` URI below the mount.

        Raises:
            InputError: the folder, the contract, a side or its records are missing; a label is out of range.
            ContractError: the contract is wrong.
        """
        folder = mounted_path(data_dir)
        if not folder.is_dir():
            raise InputError("--data-dir", expected="a folder of TFRecords", received=str(folder))
        features = folder / FEATURES_FILENAME
        if not features.is_file():
            found = sorted(path.name for path in folder.iterdir())[:5]
            raise InputError("--data-dir", expected=f"a folder with a {FEATURES_FILENAME}", received=found)
        contract = DataContract.from_features_json(features.read_text())
        if not contract.label.vocabulary:
            raise ContractError(
                f"features[{contract.label.name}].vocabulary", expected="the labels", received=()
            )
        return cls(
            contract=contract,
            train=_open_split(folder, contract, TRAIN_SPLIT),
            validation=_open_split(folder, contract, VALIDATION_SPLIT),
        )


def example_features(features: Iterable[FeatureSpec]) -> dict[str, tf.io.FixedLenFeature]:
    """What `tf.io.parse_example` needs to read these features."""
    return {
        feature.name: tf.io.FixedLenFeature([], _DTYPES[feature.dtype], feature.default)
        for feature in features
    }


def _open_split(folder: Path, contract: DataContract, name: str) -> Split:
    pattern = f"{contract.name}-{name}.tfrecord-*"
    files = tuple(sorted(str(path) for path in folder.glob(pattern)))
    if not files:
        found = sorted(path.name for path in folder.iterdir())[:5]
        raise InputError("--data-dir", expected=f"files {pattern}", received=found)
    split = Split(name=name, files=files, label_counts=_count_labels(files, contract.label))
    if not split.records:
        raise InputError(f"--data-dir, {name} records", expected="at least one", received=0)
    return split


def _count_labels(files: tuple[str, ...], label: FeatureSpec) -> tuple[int, ...]:
    counts = np.zeros(len(label.vocabulary), np.int64)
    spec = example_features([label])
    dataset = tf.data.TFRecordDataset(files).batch(_COUNT_BATCH)
    for batch in dataset.map(lambda records: tf.io.parse_example(records, spec)[label.name]):
        indices = batch.numpy() - label.first_index
        if indices.min() < 0 or indices.max() >= len(counts):
            last = label.first_index + len(counts) - 1
            wrong = int(next(i for i in indices if not 0 <= i < len(counts))) + label.first_index
            raise InputError(label.name, expected=f"{label.first_index} to {last}", received=wrong)
        counts += np.bincount(indices, minlength=len(counts))
    return tuple(int(count) for count in counts)
