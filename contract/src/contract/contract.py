"""What a converted dataset holds and how it was split; travels as `features.json` beside the TFRecords."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from contract.csv_format import CsvFormat
from contract.errors import ContractError
from contract.features import FeatureSpec
from contract.fields import FieldReader

RECORD_FORMAT_VERSION = "1.0.0"
"""Rises when the converter writes other records for the same input: every conversion is then made anew."""

FEATURES_FILENAME = "features.json"
TRAIN_SPLIT = "train"
VALIDATION_SPLIT = "validation"
TEST_SPLIT = "test"

RecordFormat = Literal["image", "csv", "idx"]

# TFDS reads the "content" of its own fields and passes over others, so one file serves both.
# https://github.com/tensorflow/datasets/blob/master/tensorflow_datasets/core/features/feature.py (from_json)
_TFDS_FEATURES_DICT = "tensorflow_datasets.core.features.features_dict.FeaturesDict"
_TFDS_SCALAR = "tensorflow_datasets.core.features.scalar.Scalar"


@dataclass(frozen=True, kw_only=True)
class SplitSpec:
    """How records are divided: by a hash of the key, so that the same record is always on the same side.

    Attributes:
        validation_percent: the share of the hash space that is never trained on, 1 to 50.
        salt: changes the division when it must be drawn anew; at most 64 bytes.
        test_files: names of raw files, `*` and `?` allowed, whose records all go to a third side, `test`: it
            is reported on, and decides nothing.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    validation_percent: int = 10
    salt: str = ""
    test_files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.validation_percent <= 50:
            raise ContractError(
                "split.validation_percent", expected="1 to 50", received=self.validation_percent
            )
        if len(self.salt.encode()) > hashlib.blake2b.MAX_KEY_SIZE:
            raise ContractError("split.salt", expected="at most 64 bytes", received=self.salt)

    @property
    def names(self) -> tuple[str, ...]:
        """The sides that there are, in order."""
        return (TRAIN_SPLIT, VALIDATION_SPLIT, *((TEST_SPLIT,) if self.test_files else ()))

    def is_test_file(self, name: str) -> bool:
        """Whether a raw file's records are only reported on.

        Args:
            name: its path in the source; a pattern without a slash is compared with the last part.
        """
        return any(
            fnmatch.fnmatchcase(name if "/" in pattern else name.rsplit("/", 1)[-1], pattern)
            for pattern in self.test_files
        )

    def split_of(self, key: bytes) -> str:
        """`train` or `validation` for a record with this key."""
        digest = hashlib.blake2b(key, digest_size=8, key=self.salt.encode()).digest()
        bucket = int.from_bytes(digest, "big") % 10_000
        return VALIDATION_SPLIT if bucket < self.validation_percent * 100 else TRAIN_SPLIT

    def to_json(self) -> dict[str, Any]:
        """The split as plain JSON values."""
        return {
            "validation_percent": self.validation_percent,
            "salt": self.salt,
            "test_files": list(self.test_files),
        }

    @classmethod
    def from_json(cls, value: object) -> SplitSpec:
        """The split that `to_json` wrote.

        Raises:
            ContractError: a field is missing, unknown or of the wrong type.
        """
        reader = FieldReader(value, "split")
        split = cls(
            validation_percent=reader.take("validation_percent", int),
            salt=reader.take("salt", str),
            test_files=tuple(reader.take_list("test_files", str)),
        )
        reader.finish()
        return split


@dataclass(frozen=True, kw_only=True)
class DataContract:
    """All that the conversion of raw data depends on, apart from the data.

    Attributes:
        name: the dataset, as in `gs://BUCKET/datasets/NAME/`.
        record_format: how raw data is read: `image` (JPEG files), `csv`, or `idx` (the files of MNIST).
        features: every feature of a record; exactly one has the role `label`.
        split: how records are divided.
        max_rejected_fraction: above this share of unusable records a conversion fails, 0 to 1.
        strict: decode every image in full instead of reading its header and end marker.
        csv: how CSV files are written; only with the record format `csv`.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    name: str
    record_format: RecordFormat
    features: tuple[FeatureSpec, ...]
    split: SplitSpec = field(default_factory=SplitSpec)
    max_rejected_fraction: float = 0.05
    strict: bool = False
    csv: CsvFormat | None = None

    def __post_init__(self) -> None:
        is_word = self.name.isascii() and self.name.replace("_", "a").isalnum() and self.name.islower()
        if not is_word or len(self.name) > 40:
            raise ContractError(
                "name", expected="at most 40 lower-case letters, digits and _", received=self.name
            )
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
    def label(self) -> FeatureSpec:
        """The feature that a model predicts."""
        return next(feature for feature in self.features if feature.role == "label")

    def feature(self, name: str) -> FeatureSpec:
        """The feature of this name.

        Raises:
            ContractError: there is none.
        """
        for feature in self.features:
            if feature.name == name:
                return feature
        raise ContractError("features", expected=f"one of {[f.name for f in self.features]}", received=name)

    def conversion_key(self, snapshot: str) -> str:
        """Names the conversion of a snapshot: the same key always means the same records.

        Args:
            snapshot: the id of the raw data.

        Returns:
            16 hexadecimal digits.
        """
        parts = [snapshot, RECORD_FORMAT_VERSION, json.dumps(self.to_json(), sort_keys=True)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """The contract as plain JSON values."""
        return {
            "name": self.name,
            "record_format": self.record_format,
            "features": [feature.to_json() for feature in self.features],
            "split": self.split.to_json(),
            "max_rejected_fraction": self.max_rejected_fraction,
            "strict": self.strict,
            "csv": None if self.csv is None else self.csv.to_json(),
        }

    @classmethod
    def from_json(cls, value: object) -> DataContract:
        """The contract that `to_json` wrote.

        Raises:
            ContractError: a field is missing, unknown or of the wrong type.
        """
        reader = FieldReader(value, "contract")
        csv = reader.take("csv", dict, type(None))
        contract = cls(
            name=reader.take("name", str),
            record_format=reader.take("record_format", str),
            features=tuple(FeatureSpec.from_json(item) for item in reader.take_list("features", Mapping)),
            split=SplitSpec.from_json(reader.take("split", dict)),
            max_rejected_fraction=reader.take("max_rejected_fraction", float, int),
            strict=reader.take("strict", bool),
            csv=None if csv is None else CsvFormat.from_json(csv),
        )
        reader.finish()
        return contract

    def to_features_json(self) -> str:
        """The text of `features.json`: TensorFlow Datasets reads the features, we read the whole contract."""
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
            "contract": self.to_json(),
        }
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def from_features_json(cls, text: str) -> DataContract:
        """The contract in the text of a `features.json`.

        Raises:
            ContractError: the text is no JSON, holds no contract, or a field of it is wrong.
        """
        return cls.from_json(FieldReader.of_text(text, FEATURES_FILENAME).take("contract", dict))
