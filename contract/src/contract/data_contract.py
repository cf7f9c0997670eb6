"""The contents of a converted dataset and its split: `features.json`, which lies beside the TFRecords."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field

from contract.features import FeatureSpec
from contract.naming import check_dataset_name, digest
from contract.partitions import Partitioning
from contract.validation import ContractError, Number, check_complete, from_json, to_json
from contract.values import normal_text

RECORD_FORMAT_VERSION = "1.1.0"
"""Version of the records that the converter writes; a new one converts every dataset anew."""

FEATURES_FILENAME = "features.json"
TRAIN_SPLIT = "train"
VALIDATION_SPLIT = "validation"
TEST_SPLIT = "test"

IMAGE_INPUT = "image_bytes"
"""The only input of an exported model that takes images."""

RecordFormat = Literal["image", "csv", "parquet", "idx"]
SplitBy = Literal["auto", "hash"]

TABLES: tuple[RecordFormat, ...] = ("csv", "parquet")
"""Formats of tables."""

_BY_TIME = "time-"

# A field that came later is written only where it says something: other conversions keep their keys.
_UNLESS_DEFAULT = Field(exclude_if=lambda value: not value)

# TFDS reads the "content" of its own fields and passes over others, so one file serves both.
# https://github.com/tensorflow/datasets/blob/master/tensorflow_datasets/core/features/feature.py (from_json)
_TFDS_FEATURES_DICT = "tensorflow_datasets.core.features.features_dict.FeaturesDict"
_TFDS_SCALAR = "tensorflow_datasets.core.features.scalar.Scalar"


MISSING = ("", "?", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""The usual spellings of a missing value."""


@dataclass(frozen=True, kw_only=True)
class CsvFormat:
    """The dialect of CSV files (RFC 4180): UTF-8, quoted with `"`, any line ending, `.gz` for gzip.

    Spaces around a value are no part of it.

    Attributes:
        columns: the names of all columns in order, where files have no header; empty where the first line of
            each file names them. A column that no feature has is passed over.
        delimiter: one character between fields.
        missing: spellings of a missing value.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    columns: tuple[str, ...] = ()
    delimiter: str = ","
    missing: tuple[str, ...] = MISSING

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(map(normal_text, self.columns)))
        if len(set(self.columns)) != len(self.columns):
            raise ContractError("csv.columns", expected="distinct names", received=self.columns)
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n\0 ':
            raise ContractError(
                "csv.delimiter", expected="one character, not a quote", received=self.delimiter
            )


@dataclass(frozen=True, kw_only=True)
class SplitSpec:
    """The split of the records: by files where they say it, else by a hash of each record's key.

    Data that is partitioned by time is validated on its newest partition and trained on all before it, since
    what comes next is what the model will meet. By the hash, a record is always in the same split.

    Attributes:
        validation_percent: percentage of the hash space that is never trained on, 1 to 50.
        salt: key of the hash, at most 64 bytes; another one draws another split.
        test_files: names of raw files, `*` and `?` allowed, whose records all go to a third split, `test`,
            which is reported on and decides nothing.
        validation_files: names of raw files, `*` and `?` allowed, whose records are the validation split;
            those of all other files are trained on. Empty for a split by time or by hash.
        by: `auto` for a split by time where there are two partitions or more; `hash` for one by hash always.
        partition: names of raw files that each hold a day, a month or a year (`contract.partitions`); a
            `DatasetSpec` with a partition fills it in.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    validation_percent: int = 10
    salt: str = ""
    test_files: tuple[str, ...] = ()
    validation_files: Annotated[tuple[str, ...], _UNLESS_DEFAULT] = ()
    by: Annotated[SplitBy, Field(exclude_if=lambda by: by == "auto")] = "auto"
    partition: Annotated[str | None, _UNLESS_DEFAULT] = None

    def __post_init__(self) -> None:
        if self.by not in get_args(SplitBy):
            raise ContractError("split.by", expected=f"one of {get_args(SplitBy)}", received=self.by)
        _ = self._partitioning  # checks the field
        if not 1 <= self.validation_percent <= 50:
            raise ContractError(
                "split.validation_percent", expected="1 to 50", received=self.validation_percent
            )
        if len(self.salt.encode()) > hashlib.blake2b.MAX_KEY_SIZE:
            raise ContractError("split.salt", expected="at most 64 bytes", received=self.salt)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the splits, in order."""
        return (TRAIN_SPLIT, VALIDATION_SPLIT, *((TEST_SPLIT,) if self.test_files else ()))

    def partition_of(self, name: str) -> date | None:
        """Return the first day of a raw file's partition; None if it has none, or the split isn't by time.

        Args:
            name: its path in the source.
        """
        if self._partitioning is None or self.by == "hash" or self.validation_files:
            return None
        interval = self._partitioning.interval_of(name)
        return interval and interval.start

    def resolved(self, oldest: date | None, newest: date | None) -> SplitSpec:
        """Return the split with the files of the newest partition as validation files, where it is by time.

        Args:
            oldest: the first day of the oldest partition of the raw data; None without partitions.
            newest: the first day of the newest.
        """
        if newest is None or oldest == newest or self._partitioning is None:
            return self
        files = glob.escape(newest.strftime(self._partitioning.pattern))
        return replace(self, validation_files=(files,))

    @property
    def validation_day(self) -> date | None:
        """First day of the partition that is validated on; None if the split isn't by time."""
        if self._partitioning is None or self.by == "hash" or len(self.validation_files) != 1:
            return None
        interval = self._partitioning.interval_of(glob_unescape(self.validation_files[0]))
        return interval and interval.start

    def split_of_file(self, name: str) -> str | None:
        """Return the split of all records of a raw file; None if the key of each decides.

        Args:
            name: its path in the source; a pattern without a slash is compared with the last part.
        """
        if matches(name, self.test_files):
            return TEST_SPLIT
        if not self.validation_files:
            return None
        return VALIDATION_SPLIT if matches(name, self.validation_files) else TRAIN_SPLIT

    def split_of(self, key: bytes) -> str:
        """Return `train` or `validation` for a record with this key, if its file doesn't decide."""
        return VALIDATION_SPLIT if self.are_validation([key])[0] else TRAIN_SPLIT

    def are_validation(self, keys: Sequence[bytes]) -> list[bool]:
        """Return True for each key whose record is for validation, if its file doesn't decide."""
        blake2b, integer, salt = hashlib.blake2b, int.from_bytes, self.salt.encode()
        limit = self.validation_percent * 100
        return [
            integer(blake2b(key, digest_size=8, key=salt).digest(), "big") % 10_000 < limit for key in keys
        ]

    @cached_property
    def _partitioning(self) -> Partitioning | None:
        return None if self.partition is None else Partitioning(pattern=self.partition)


def glob_unescape(pattern: str) -> str:
    """Return the name that `glob.escape` made a pattern of."""
    return re.sub(r"\[(.)\]", r"\1", pattern)


def is_unseen(ours: str, theirs: str, *, their_data_until: date | None) -> bool:
    """Return True if a model of another split was trained on none of our validation records.

    Args:
        ours: identity of the split whose validation records are meant.
        theirs: identity of the split that the other model was trained with.
        their_data_until: day on which its data ends; None if that isn't known.
    """
    if not ours.startswith(_BY_TIME):
        return bool(ours) and ours == theirs
    if theirs.startswith(_BY_TIME) and ours >= theirs:
        return True  # days in ISO 8601: it was validated on this partition or an older one
    return their_data_until is not None and their_data_until.isoformat() <= ours.removeprefix(_BY_TIME)


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Return True if a path in the source matches a pattern; one without a slash is for its last part."""
    return any(
        fnmatch.fnmatchcase(name if "/" in pattern else name.rsplit("/", 1)[-1], pattern)
        for pattern in patterns
    )


@dataclass(frozen=True, kw_only=True)
class DataContract:
    """Everything but the raw data that determines the records of a conversion.

    Attributes:
        name: the dataset's name: at most 40 lower-case letters, digits and underscores, a letter first and no
            underscore last, since model and endpoint ids are made of it (`contract.naming`).
        record_format: format of the raw data: `image` (JPEG and PNG files), `csv`, `parquet`, or `idx` (the
            files of MNIST).
        features: every feature of a record; exactly one has the role `label`.
        split: division of the records into training, validation and test data.
        max_rejected_fraction: largest fraction of unusable records, 0 to 1; a conversion fails above it.
        strict: decode every image in full instead of reading its header and end marker.
        csv: dialect of the CSV files; only with the record format `csv`.
        files: names of the raw files that count, `*` and `?` allowed, those with a slash for the whole path;
            all others are ignored. Empty for every file that can be raw data (`contract.raw_data`).

    Raises:
        ContractError: a field has a value that it can't have.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    record_format: RecordFormat
    features: tuple[FeatureSpec, ...]
    split: SplitSpec = field(default_factory=SplitSpec)
    max_rejected_fraction: Number = 0.05
    strict: bool = False
    csv: CsvFormat | None = None
    files: Annotated[tuple[str, ...], _UNLESS_DEFAULT] = ()

    def __post_init__(self) -> None:
        check_dataset_name(self.name)
        if self.record_format not in get_args(RecordFormat):
            raise ContractError(
                "record_format", expected=f"one of {get_args(RecordFormat)}", received=self.record_format
            )
        if (self.csv is not None) != (self.record_format == "csv"):
            raise ContractError(
                "csv", expected="a CsvFormat if and only if record_format is 'csv'", received=self.csv
            )
        names = [feature.name for feature in self.features]
        columns = self.csv.columns if self.csv else ()
        lacking = [name for name in names if columns and name not in columns]
        if lacking:
            raise ContractError("csv.columns", expected=f"among them {lacking}", received=columns)
        if len(set(names)) != len(names):
            raise ContractError("features", expected="distinct names", received=names)
        labels = [feature.name for feature in self.features if feature.role == "label"]
        if len(labels) != 1:
            raise ContractError("features", expected="exactly one with the role 'label'", received=labels)
        if not 0 <= self.max_rejected_fraction <= 1:
            raise ContractError(
                "max_rejected_fraction", expected="0 to 1", received=self.max_rejected_fraction
            )

    @property
    def model_inputs(self) -> Mapping[str, FeatureSpec]:
        """Inputs of an exported model: the encoded image, or one for each input feature; feature by input."""
        if self.record_format in ("image", "idx"):
            return {IMAGE_INPUT: self.feature("image/encoded")}
        return {feature.name: feature for feature in self.features if feature.role == "input"}

    @property
    def split_identity(self) -> str:
        """Identity of the split: with the same one, the same records are never trained on.

        `time-DAY` for validation on the partition that begins on that day, where the split is resolved; else
        `files-` or `hash-` with a digest of all that says which records are validated on. A record without a
        key is divided by its content, which the features determine.
        """
        split, day = self.split, self.split.validation_day
        if day is not None:
            return f"{_BY_TIME}{day.isoformat()}"
        if split.validation_files:
            return f"files-{digest({'files': list(split.validation_files)})}"
        keys = [feature.name for feature in self.features if feature.role == "key"]
        content: object = keys
        if not keys and self.record_format not in ("image", "idx"):
            content = [RECORD_FORMAT_VERSION, to_json(self)["features"], to_json(self)["csv"]]
        parts = {"percent": split.validation_percent, "salt": split.salt, "key": content}
        return f"hash-{digest(parts)}"

    def missing_of(self, feature: FeatureSpec) -> tuple[str, ...]:
        """Return the spellings of a missing value of a feature."""
        if feature.missing is not None:
            return feature.missing
        return ("",) if self.csv is None else self.csv.missing

    @property
    def label(self) -> FeatureSpec:
        """Feature that a model predicts."""
        return next(feature for feature in self.features if feature.role == "label")

    def feature(self, name: str) -> FeatureSpec:
        """Return the feature of this name.

        Raises:
            ContractError: there is none.
        """
        for feature in self.features:
            if feature.name == name:
                return feature
        raise ContractError("features", expected=f"one of {[f.name for f in self.features]}", received=name)

    def conversion_key(self, snapshot: str) -> str:
        """Return the key of a snapshot's conversion: the same key always means the same records.

        Args:
            snapshot: the id of the raw data.

        Returns:
            16 hexadecimal digits.
        """
        parts = [snapshot, RECORD_FORMAT_VERSION, json.dumps(to_json(self), sort_keys=True)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def to_features_json(self) -> str:
        """Return the text of `features.json`: features for TensorFlow Datasets, and the whole contract."""
        features = {
            feature.name: {
                "pythonClassName": _TFDS_SCALAR,
                "tensor": {"shape": {}, "dtype": feature.dtype, "encoding": "none"},
                "description": feature.description,
            }
            for feature in self.features
        }
        document = {
            "type": _TFDS_FEATURES_DICT,
            "proto_cls": "tensorflow_datasets.FeaturesDict",
            "content": {"features": features},
            "contract": to_json(self),
        }
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def from_features_json(cls, text: str) -> DataContract:
        """Return the contract in the text of a `features.json`.

        Raises:
            ContractError: the text is no JSON, holds no contract, or a field of it is wrong.
        """
        contract = from_json(_FeaturesJson, text, FEATURES_FILENAME).contract
        check_complete(json.loads(text)["contract"], contract, f"{FEATURES_FILENAME}.contract")
        return contract


@dataclass(frozen=True, kw_only=True)
class _FeaturesJson:
    """The part of a `features.json` that is ours."""

    contract: DataContract
