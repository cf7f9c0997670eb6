"""The TFRecords of a dataset, and the contract and the statistics that lie beside them."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from contract import (
    FEATURES_FILENAME,
    STATISTICS_FILENAME,
    TEST_SPLIT,
    TRAIN_SPLIT,
    VALIDATION_SPLIT,
    ContractError,
    DataContract,
    DatasetStatistics,
    FeatureSpec,
)
from contract.mount import mounted_path
from trainer.errors import InputError

IMAGE_INPUT = "image_bytes"
"""The one input of models that look at pictures."""

_DATASET_INFO = "dataset_info.json"
_DTYPES = {"string": tf.string, "int64": tf.int64, "float32": tf.float32}


@dataclass(frozen=True, kw_only=True)
class Split:
    """One side of a dataset.

    Attributes:
        name: `train`, `validation` or `test`.
        files: its shards, in order.
        records: how many records they hold.
    """

    name: str
    files: tuple[str, ...]
    records: int


@dataclass(frozen=True, kw_only=True)
class Records:
    """A converted dataset, or several with the same features.

    Attributes:
        contract: what the records hold.
        statistics: what the conversion of the first dataset found.
        train: what models learn from.
        validation: what they are judged by.
        test: what is only reported on; `None` where the dataset has no such side.
    """

    contract: DataContract
    statistics: DatasetStatistics
    train: Split
    validation: Split
    test: Split | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the model's output; empty where the label is a number."""
        return self.contract.label.vocabulary

    @property
    def train_label_counts(self) -> tuple[int, ...]:
        """Training records of each class."""
        counts = self.statistics.labels.get(TRAIN_SPLIT, {})
        return tuple(counts.get(label, 0) for label in self.labels)

    @classmethod
    def open(cls, data_dir: str, *, train_files: str = "", eval_files: str = "") -> Records:
        """Read what describes the records; the records themselves are not touched.

        Args:
            data_dir: folders or `gs://` URIs below the mount, with commas between them.
            train_files: patterns of the shards to train on, with commas between them; empty for all.
            eval_files: patterns of the shards to evaluate; empty for all of the validation side.

        Raises:
            InputError: a folder, the contract, the statistics, a side or its records are missing; or datasets
                have different features.
            ContractError: the contract or the statistics are wrong.
        """
        folders = [_Folder.open(uri) for uri in data_dir.split(",")]
        contract = folders[0].contract
        for folder in folders[1:]:
            if folder.contract.features != contract.features:
                raise InputError(
                    f"features of {folder.path}",
                    expected=f"those of {folders[0].path}",
                    received=[feature.name for feature in folder.contract.features],
                )
        test = _join(folders, TEST_SPLIT, "")
        return cls(
            contract=contract,
            statistics=folders[0].statistics,
            train=_not_empty(_join(folders, TRAIN_SPLIT, train_files), "--train-files"),
            validation=_not_empty(_join(folders, VALIDATION_SPLIT, eval_files), "--eval-files"),
            test=test if test.records else None,
        )


@dataclass(frozen=True, kw_only=True)
class _Folder:
    """One folder of records. `shards` has the number of records of each file, by split and path."""

    path: Path
    contract: DataContract
    statistics: DatasetStatistics
    shards: Mapping[str, Mapping[str, int]]

    @classmethod
    def open(cls, uri: str) -> _Folder:
        path = mounted_path(uri)
        if not path.is_dir():
            raise InputError("--data-dir", expected="a folder of TFRecords", received=str(path))
        texts = {}
        for name in (FEATURES_FILENAME, STATISTICS_FILENAME, _DATASET_INFO):
            if not (path / name).is_file():
                found = sorted(entry.name for entry in path.iterdir())[:5]
                raise InputError(
                    "--data-dir",
                    expected=f"a folder with {name}, as python -m preprocessing.main leaves it",
                    received=found,
                )
            texts[name] = (path / name).read_text()
        contract = DataContract.from_features_json(texts[FEATURES_FILENAME])
        return cls(
            path=path,
            contract=contract,
            statistics=DatasetStatistics.from_text(texts[STATISTICS_FILENAME]),
            shards=_shards(path, contract, texts[_DATASET_INFO]),
        )


def _shards(folder: Path, contract: DataContract, info: str) -> dict[str, dict[str, int]]:
    """https://github.com/tensorflow/datasets/blob/master/tensorflow_datasets/core/proto/dataset_info.proto."""
    shards = {}
    for split in json.loads(info)["splits"]:
        lengths = [int(length) for length in split["shardLengths"]]
        name = f"{contract.name}-{split['name']}.tfrecord"
        shards[split["name"]] = {
            str(folder / f"{name}-{index:05d}-of-{len(lengths):05d}"): length
            for index, length in enumerate(lengths)
        }
    return shards


def _join(folders: Sequence[_Folder], split: str, patterns: str) -> Split:
    """A side of all folders; with patterns, those of their shards that one fits, of whatever side."""
    if not patterns:
        shards = {path: count for folder in folders for path, count in folder.shards.get(split, {}).items()}
    else:
        wanted = [str(mounted_path(pattern)) for pattern in patterns.split(",")]
        shards = {
            path: count
            for folder in folders
            for side in folder.shards.values()
            for path, count in side.items()
            if any(fnmatch.fnmatchcase(path, pattern) for pattern in wanted)
        }
    return Split(name=split, files=tuple(shards), records=sum(shards.values()))


def _not_empty(split: Split, flag: str) -> Split:
    if not split.records:
        raise InputError(f"{flag}, {split.name} records", expected="at least one", received=0)
    return split


def example_features(features: Iterable[FeatureSpec]) -> dict[str, tf.io.FixedLenFeature]:
    """What `tf.io.parse_example` needs to read these features."""
    return {
        feature.name: tf.io.FixedLenFeature([], _DTYPES[feature.dtype], feature.default)
        for feature in features
    }


def instance_features(contract: DataContract) -> Mapping[str, FeatureSpec]:
    """What a model of a dataset is asked with: the inputs of its signature, by name.

    Raises:
        InputError: a dataset of pictures has not exactly one string input.
    """
    inputs = [feature for feature in contract.features if feature.role == "input"]
    if contract.record_format == "csv":
        return {feature.name: feature for feature in inputs}
    if len(inputs) != 1 or inputs[0].dtype != "string":
        names = [feature.name for feature in inputs]
        raise InputError("features", expected="exactly one string with the role 'input'", received=names)
    return {IMAGE_INPUT: inputs[0]}


def check_label(contract: DataContract, *, classes: bool) -> None:
    """Refuse a label that a kind of model can't predict.

    Args:
        contract: of the dataset.
        classes: whether the model predicts classes.

    Raises:
        ContractError: it predicts classes and the label has no vocabulary, or the other way round.
    """
    label = contract.label
    if classes != bool(label.vocabulary) or (not classes and not label.is_number):
        raise ContractError(
            f"features[{label.name}]",
            expected="a vocabulary: the model predicts classes" if classes else "a number",
            received=label.vocabulary or label.dtype,
        )
