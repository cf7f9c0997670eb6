"""TFRecords of a dataset, and the contract and the statistics beside them."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError

from contract import (
    FEATURES_FILENAME,
    TEST_SPLIT,
    TRAIN_SPLIT,
    VALIDATION_SPLIT,
    ContractError,
    DataContract,
    DatasetStatistics,
    FeatureSpec,
)
from contract.artifacts import DatasetInfo, shard_filename
from contract.naming import mounted_path
from trainer.errors import InputError

_DTYPES = {"string": tf.string, "int64": tf.int64, "float32": tf.float32}


@dataclass(frozen=True, kw_only=True)
class Split:
    """One split of a dataset, or a part of it.

    Attributes:
        name: `train`, `validation` or `test`.
        files: shards, in order.
        records: number of records.
        folds: of a split that is divided for a search: every one of so many records of each shard is held
            out; 0 for all records.
        held_out: whether it is the records that are held out, or the others.
    """

    name: str
    files: tuple[str, ...]
    records: int
    folds: int = 0
    held_out: bool = False

    def read_file(self, file: str | tf.Tensor) -> tf.data.Dataset:
        """Return the split's serialized records, string (), in one of its shards."""
        records = tf.data.TFRecordDataset(file)
        if not self.folds:
            return records
        chosen = records.enumerate().filter(
            lambda index, _: tf.equal(index % self.folds == 0, tf.constant(self.held_out))
        )
        return chosen.map(lambda _, record: record)

    def read(self) -> tf.data.Dataset:
        """Return all serialized records, string (), in the order of the shards."""
        if not self.folds:
            return tf.data.TFRecordDataset(self.files)
        return tf.data.Dataset.from_tensor_slices(list(self.files)).flat_map(self.read_file)

    def divided(self, folds: int, lengths: Mapping[str, int]) -> tuple[Split, Split]:
        """Return the records to train on, and the fold that is held out.

        Args:
            folds: their number, 2 or more.
            lengths: number of records by shard.
        """
        held_out = sum(-(-lengths[file] // folds) for file in self.files)
        train = replace(self, folds=folds, records=self.records - held_out)
        return train, replace(self, name="holdout", folds=folds, held_out=True, records=held_out)


@dataclass(frozen=True, kw_only=True)
class Records:
    """A converted dataset, or several with the same features.

    Attributes:
        contract: of the records.
        statistics: of the first dataset's conversion.
        train: training split.
        validation: split that models are compared on.
        test: split that is only reported on; `None` where the dataset has none.
    """

    contract: DataContract
    statistics: DatasetStatistics
    train: Split
    validation: Split
    test: Split | None

    @property
    def labels(self) -> tuple[str, ...]:
        """Classes in the order of the model's output; empty where the label is a number."""
        return self.contract.label.vocabulary

    @property
    def train_label_counts(self) -> tuple[int, ...]:
        """Number of training records of each class."""
        counts = self.statistics.labels.get(TRAIN_SPLIT, {})
        return tuple(counts.get(label, 0) for label in self.labels)

    @property
    def balanced_weights(self) -> tuple[float, ...]:
        """Weight of each class with which all count the same: records / (classes * records of the class).

        https://scikit-learn.org/stable/modules/generated/sklearn.utils.class_weight.compute_class_weight.html
        """
        counts = self.train_label_counts
        present = [count for count in counts if count]
        return tuple(sum(counts) / (len(present) * count) if count else 0.0 for count in counts)

    @classmethod
    def open(
        cls, data_dir: str, *, train_files: str = "", eval_files: str = "", holdout_folds: int = 0
    ) -> Records:
        """Read the files that describe the records, and none of the records.

        Args:
            data_dir: folders or `gs://` URIs below the mount, with commas between them.
            train_files: patterns of the shards to train on, with commas between them; empty for all.
            eval_files: patterns of the shards to evaluate; empty for all of the validation split.
            holdout_folds: validate on one of so many folds of the training split, and train on the others; 0
                for the validation split.

        Raises:
            InputError: a folder, the contract, the statistics, a split or its records are missing; or the
                datasets have different features.
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
        train = _not_empty(_join(folders, TRAIN_SPLIT, train_files), "--train-files")
        if holdout_folds:
            if holdout_folds < 2 or train.records < 2:
                raise InputError("--holdout-folds", expected="0, or 2 or more", received=holdout_folds)
            lengths = {
                path: count
                for folder in folders
                for counts in folder.shards.values()
                for path, count in counts.items()
            }
            train, held_out = train.divided(holdout_folds, lengths)
            return cls(
                contract=contract,
                statistics=folders[0].statistics,
                train=_not_empty(train, "--holdout-folds"),
                validation=held_out,
                test=None,
            )
        test = _join(folders, TEST_SPLIT, "")
        return cls(
            contract=contract,
            statistics=folders[0].statistics,
            train=train,
            validation=_not_empty(_join(folders, VALIDATION_SPLIT, eval_files), "--eval-files"),
            test=test if test.records else None,
        )


@dataclass(frozen=True, kw_only=True)
class _Folder:
    """A folder of records; `shards` is the number of records of each file, by split and path."""

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
        for name in (FEATURES_FILENAME, DatasetStatistics.FILENAME, DatasetInfo.FILENAME):
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
            statistics=DatasetStatistics.from_text(texts[DatasetStatistics.FILENAME]),
            shards=_shards(path, contract, DatasetInfo.from_text(texts[DatasetInfo.FILENAME])),
        )


def _shards(folder: Path, contract: DataContract, info: DatasetInfo) -> dict[str, dict[str, int]]:
    return {
        split.name: {
            str(folder / shard_filename(contract.name, split.name, index, len(split.shard_lengths))): length
            for index, length in enumerate(split.shard_lengths)
        }
        for split in info.splits
    }


def _join(folders: Sequence[_Folder], split: str, patterns: str) -> Split:
    """Return a split of all folders; with patterns, the shards of any split that match one."""
    if not patterns:
        shards = {path: count for folder in folders for path, count in folder.shards.get(split, {}).items()}
    else:
        wanted = [str(mounted_path(pattern)) for pattern in patterns.split(",")]
        shards = {
            path: count
            for folder in folders
            for counts in folder.shards.values()
            for path, count in counts.items()
            if any(fnmatch.fnmatchcase(path, pattern) for pattern in wanted)
        }
    return Split(name=split, files=tuple(shards), records=sum(shards.values()))


def _not_empty(split: Split, flag: str) -> Split:
    if not split.records:
        raise InputError(f"{flag}, {split.name} records", expected="at least one", received=0)
    return split


def example_features(features: Iterable[FeatureSpec]) -> dict[str, tf.io.FixedLenFeature]:
    """Return the specification of features for `tf.io.parse_example`."""
    return {
        feature.name: tf.io.FixedLenFeature([], _DTYPES[feature.dtype], feature.default)
        for feature in features
    }


def record_name(file: str, position: int, contract: DataContract) -> str:
    """Return the file name or the key of a record; empty where it has none, or can't be parsed.

    Args:
        file: the shard.
        position: of the record in the shard, from 0.
        contract: of the dataset.
    """
    named = [feature.name for feature in contract.features if feature.role == "key"]
    try:
        for serialized in tf.data.TFRecordDataset(file).skip(position).take(1).as_numpy_iterator():
            values = tf.train.Example.FromString(serialized).features.feature
            texts = [values[name].bytes_list.value for name in ("image/filename", *named) if name in values]
            return next((text[0].decode(errors="replace") for text in texts if text), "")
    except (tf.errors.OpError, DecodeError):
        return ""
    return ""


def check_label(contract: DataContract, *, classes: bool) -> None:
    """Refuse a label that a kind of model can't predict.

    Args:
        contract: of the dataset.
        classes: True for a classifier, False for a regression.

    Raises:
        ContractError: the label of a classifier has no vocabulary, or that of a regression is no number.
    """
    label = contract.label
    if classes != bool(label.vocabulary) or (not classes and not label.is_number):
        raise ContractError(
            f"features[{label.name}]",
            expected="a vocabulary: the model predicts classes" if classes else "a number",
            received=label.vocabulary or label.dtype,
        )
