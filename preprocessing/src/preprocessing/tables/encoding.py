"""Rows of text to serialized records, some thousand at a time.

Work goes column by column, in Arrow's arrays: the entries of each column are made, and those of a row are
joined. Python's own code runs once for each distinct value and each batch, the rest runs in C++. Most columns
have few distinct values: each is validated and encoded once, and then looked up. Numbers, and texts that
hardly repeat, are encoded all together instead, as long as each of them plainly is one.
"""

from __future__ import annotations

import math
import string
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contract import DataContract, FeatureSpec
from contract.values import is_rounded_text, normal_text
from preprocessing.errors import InvalidRecordError, excerpt
from preprocessing.example_serialization import (
    by_length,
    bytes_entry,
    bytes_prefix,
    equal_parts,
    example_prefix,
    float_entry,
    float_prefix,
    int64_entry,
    joined,
    lengths_of,
    serialization_order,
)
from preprocessing.tables.rows import BadRow, Lines, Rows

INVALID = b""
"""Stands for the entry of a text that is no value; no entry is empty."""

_KEPT_TEXTS = 20_000
_KEPT_CHARACTERS = 256
_INT64 = range(-(2**63), 2**63)
_FLOAT32_MAXIMUM = float(np.finfo(np.float32).max)
_MOST_EXACT = 2.0**24
_LEARNT = ("input", "label")
_REPEATING = 4
"""A column repeats itself where less than one text in so many is new."""

_SPACES = string.whitespace + "\x1c\x1d\x1e\x1f"
"""Characters that `str.strip` takes from ASCII texts."""

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class ColumnBatch:
    """A feature's values in n rows.

    Attributes:
        texts: raw texts, a string array of n.
        entries: entries of the records, a binary array of n; null where the text is no value.
        numbers: shape (n,), NaN where the text is no value; None if the feature is no number.
        distinct: the texts as a dictionary array; None if they were encoded all together, in which case none
            stands for a missing value.
    """

    texts: pa.StringArray
    entries: pa.BinaryArray
    numbers: Floats | None = None
    distinct: pa.DictionaryArray | None = None

    def chosen(self, mask: Mask) -> ColumnBatch:
        """Return the values of some of the rows; the mask has shape (n,)."""
        chosen = pa.array(mask)
        return ColumnBatch(
            texts=self.texts.filter(chosen),
            entries=self.entries.filter(chosen),
            numbers=None if self.numbers is None else self.numbers[mask],
            distinct=None if self.distinct is None else self.distinct.filter(chosen),
        )

    def count_texts(self, mask: Mask) -> Counter[str]:
        """Count the raw texts of some of the rows; the mask has shape (n,)."""
        if self.distinct is None:
            return Counter(self.texts.filter(pa.array(mask)).to_pylist())
        indices = self.distinct.indices.to_numpy(zero_copy_only=False)[mask]
        texts = self.distinct.dictionary.to_pylist()
        counts = np.bincount(indices, minlength=len(texts)).tolist()
        return Counter({text: count for text, count in zip(texts, counts, strict=True) if count})


class Column(dict[str, bytes]):
    """A cache of a column: the entry of a feature in a tf.Example by raw text; `INVALID` if it is no value.

    It is a mapping that fills itself, because a look-up in C is what makes rows fast.

    Attributes:
        feature: the feature of the column.
        numbers: the number by raw text, where the feature is one; as long as the text is kept.
        missing_texts: the kept texts that stand for a missing value.
    """

    def __init__(self, feature: FeatureSpec, *, missing: tuple[str, ...]) -> None:
        """Encode for a feature; `missing` are spellings of a missing value, without spaces around."""
        super().__init__()
        self.feature = feature
        self.numbers: dict[str, float] = {}
        self.missing_texts: set[str] = set()
        self._missing = frozenset(map(normal_text, missing))
        self._missing_numbers = frozenset(map(float, filter(_is_finite, self._missing)))
        self._misses = 0
        # Together, only numbers that `float` can tell from a missing value.
        self._parses_together = (
            feature.is_number
            and feature.dtype == "float32"
            and not any(_is_finite(spelling) for spelling in self._missing)
        )
        self._is_plain_text = (
            feature.dtype == "string" and not feature.vocabulary and feature.timezone is None
        )
        self._indices = {value: index for index, value in enumerate(feature.vocabulary, feature.first_index)}

    def look_up(self, texts: pa.StringArray) -> ColumnBatch:
        """Return the values that n raw texts stand for."""
        together = None
        if self._parses_together:
            together = self._parse_together(texts)
        elif self._is_plain_text and self._misses > len(texts) // _REPEATING:
            together = self._encode_together(texts)
        if together is not None:
            return together
        if max(len(self), len(self.numbers)) > _KEPT_TEXTS:
            self.clear()
            self.numbers.clear()
            self.missing_texts.clear()
        self._misses = 0
        distinct = texts.dictionary_encode()
        raw = distinct.dictionary.to_pylist()
        entries = pa.array([entry or None for entry in map(self.__getitem__, raw)], pa.binary())
        numbers = None
        if self.feature.is_number:
            known = np.array([self.numbers.get(text, math.nan) for text in raw], np.float64)
            numbers = known[distinct.indices.to_numpy(zero_copy_only=False)]
        return ColumnBatch(
            texts=texts, entries=entries.take(distinct.indices), numbers=numbers, distinct=distinct
        )

    def _parse_together(self, texts: pa.StringArray) -> ColumnBatch | None:
        """Return the values of n numbers; None if one of the texts has to be looked at."""
        try:
            # Arrow takes nothing for a number that Python would not, but for what is not finite.
            numbers = texts.cast(pa.float64()).to_numpy()
        except pa.ArrowInvalid:
            return None
        feature = self.feature
        low = -_FLOAT32_MAXIMUM if feature.minimum is None else feature.minimum
        high = _FLOAT32_MAXIMUM if feature.maximum is None else feature.maximum
        # Not-a-numbers fail both comparisons. Large whole numbers may have to be refused.
        if not np.all((numbers >= low) & (numbers <= high)) or np.abs(numbers).max(initial=0.0) > _MOST_EXACT:
            return None
        packed = numbers.astype("<f4").view(np.uint8).reshape(-1, 4)
        return ColumnBatch(
            texts=texts, entries=equal_parts(packed, prefix=float_prefix(feature.name)), numbers=numbers
        )

    def _encode_together(self, texts: pa.StringArray) -> ColumnBatch | None:
        """Return the values of n texts that are kept as they are; None if one has to be looked at."""
        stripped = normal_texts(texts)
        if pc.is_in(stripped, value_set=pa.array(sorted(self._missing), pa.string())).true_count:
            return None
        content = stripped.cast(pa.binary())
        prefixes = by_length(lengths_of(content), lambda length: bytes_prefix(self.feature.name, length))
        return ColumnBatch(texts=texts, entries=joined(prefixes, content))

    def __missing__(self, text: str) -> bytes:
        self._misses += 1
        try:
            entry = self.encode(text)
        except InvalidRecordError:
            return INVALID
        if len(text) <= _KEPT_CHARACTERS:
            self[text] = entry
        return entry

    def is_missing(self, raw: str) -> bool:
        """Return True if a raw text stands for a missing value: a number is one in any notation."""
        text = normal_text(raw)
        if text in self._missing:
            return True
        return (
            bool(self._missing_numbers) and self.feature.is_number and _number(text) in self._missing_numbers
        )

    def category(self, raw: str) -> str:
        """Return the category that a raw text stands for."""
        text, feature = normal_text(raw), self.feature
        if text not in self._missing:
            return text if feature.timezone is None else feature.normal(text)
        if feature.vocabulary and isinstance(feature.default, int):
            return feature.vocabulary[feature.default - feature.first_index]
        return str(feature.default)

    def encode(self, raw: str) -> bytes:
        """Return the entry for a raw text.

        Raises:
            InvalidRecordError: the text is no value of the feature.
        """
        feature, text = self.feature, normal_text(raw)
        if self.is_missing(raw):
            if feature.default is None:
                raise InvalidRecordError(
                    "missing_value", f"{feature.name}: expected a value, received {text!r}"
                )
            self.missing_texts.add(raw)
            return self._encode_default(raw)
        if feature.is_number:
            return self._encode_number(raw, self._parse(text))
        if feature.vocabulary and text not in self._indices:
            raise InvalidRecordError(
                "unknown_label" if feature.role == "label" else "unknown_word",
                f"{feature.name}: expected a value of the vocabulary, received {excerpt(text)}",
            )
        if feature.timezone is not None:
            try:
                text = feature.normal(text)
            except ValueError:
                raise InvalidRecordError(
                    "not_a_timestamp",
                    f"{feature.name}: expected {feature.date_description}, received {excerpt(text)}",
                ) from None
        return self._encode_category(text)

    def _encode_default(self, raw: str) -> bytes:
        default = self.feature.default
        if self.feature.is_number and not isinstance(default, str | None):
            return self._encode_number(raw, default)
        if isinstance(default, int):
            return int64_entry(self.feature.name, default)
        return self._encode_category(str(default))

    def _encode_category(self, text: str) -> bytes:
        if self.feature.dtype == "int64":
            return int64_entry(self.feature.name, self._indices[text])
        return bytes_entry(self.feature.name, text.encode())

    def _encode_number(self, raw: str, value: float) -> bytes:
        self.numbers[raw] = float(value)
        if self.feature.dtype == "int64":
            return int64_entry(self.feature.name, int(value))
        try:
            return float_entry(self.feature.name, value)
        except OverflowError:
            raise InvalidRecordError(
                "out_of_range", f"{self.feature.name}: expected a float32, received {excerpt(raw.strip())}"
            ) from None

    def _parse(self, text: str) -> float:
        feature = self.feature
        try:
            # Python takes more than numbers are written with elsewhere: 1_000 and the digits of all scripts.
            if "_" in text or not text.isascii():
                raise ValueError(text)
            value = float(text)
            if not math.isfinite(value):
                raise ValueError(text)
            if feature.dtype == "int64":
                value = self._parse_integer(text, value)
            if feature.role in _LEARNT and is_rounded_text(text):
                raise InvalidRecordError(
                    "out_of_range",
                    f"{feature.name}: expected a whole number that float32 holds (any up to 16,777,216), or "
                    f"a category, received {excerpt(text)}",
                )
        except ValueError:
            kind = "a whole number" if feature.dtype == "int64" else "a number"
            raise InvalidRecordError(
                "not_a_number", f"{feature.name}: expected {kind}, received {excerpt(text)}"
            ) from None
        low, high = feature.minimum, feature.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            named = (("at least", low), ("at most", high))
            bounds = [f"{relation} {bound:g}" for relation, bound in named if bound is not None]
            raise InvalidRecordError(
                "out_of_range", f"{feature.name}: expected {' and '.join(bounds)}, received {excerpt(text)}"
            )
        return value

    def _parse_integer(self, text: str, value: float) -> int:
        """Return the whole number that a text stands for, `3`, `3.0` or `3e2`.

        Raises:
            ValueError: it is none.
            InvalidRecordError: it has more than 64 bits.
        """
        if not value.is_integer():
            raise ValueError(text)
        digits = text.removeprefix("+").removeprefix("-")
        whole = int(text) if digits.isdecimal() else int(value)
        if whole not in _INT64:
            raise InvalidRecordError(
                "out_of_range", f"{self.feature.name}: expected an int64, received {excerpt(text)}"
            )
        return whole


def _is_finite(text: str) -> bool:
    return math.isfinite(_number(text))


def _number(text: str) -> float:
    """Return the number that a text is; NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordBatch:
    """Rows that became records.

    Attributes:
        records: serialized tf.Examples, a binary array of n.
        keys: the key of each record, which the split hashes.
        lines: number of the first line of each record's row, shape (n,).
        columns: by feature in the order of the contract.
        bad: rows with a value that can't be used.
    """

    records: pa.BinaryArray
    keys: list[bytes]
    lines: Lines
    columns: list[ColumnBatch]
    bad: list[BadRow]


class RowEncoder:
    """Encodes rows by the features of a contract."""

    def __init__(self, contract: DataContract) -> None:
        features = contract.features
        self.columns = [Column(feature, missing=contract.missing_of(feature)) for feature in features]
        self._order = serialization_order([feature.name for feature in features])
        self._keys = [index for index, feature in enumerate(features) if feature.role == "key"]
        self._hashed = [i for i in self._order if features[i].role in {"input", "label"}]

    def encode(self, rows: Rows) -> RecordBatch:
        """Return the records of rows, whose columns are the features', in their order."""
        columns = [column.look_up(texts) for column, texts in zip(self.columns, rows.columns, strict=True)]
        lines, bad = rows.lines, []
        if any(column.entries.null_count for column in columns):
            valid = np.logical_and.reduce([column.entries.is_valid().to_numpy(zero_copy_only=False)
                                           for column in columns])  # fmt: skip
            bad = [
                self._bad_row(int(lines[index]), [column.texts[index].as_py() for column in columns])
                for index in np.flatnonzero(~valid).tolist()
            ]
            columns, lines = [column.chosen(valid) for column in columns], lines[valid]
        entries = [columns[index].entries for index in self._order]
        prefixes = by_length(np.add.reduce([lengths_of(column) for column in entries]), example_prefix)
        return RecordBatch(
            records=joined(prefixes, *entries),
            keys=self._keys_of(columns),
            lines=lines,
            columns=columns,
            bad=bad,
        )

    def _keys_of(self, columns: list[ColumnBatch]) -> list[bytes]:
        """Return the key's text, several joined by NUL; without a key the entries of inputs and label."""
        if self._keys:
            texts = [normal_texts(columns[index].texts).cast(pa.binary()) for index in self._keys]
            return joined(*texts, separator=b"\0").to_pylist()
        return joined(*(columns[index].entries for index in self._hashed)).to_pylist()

    def _bad_row(self, line: int, texts: list[str]) -> BadRow:
        for column, text in zip(self.columns, texts, strict=True):
            try:
                column.encode(text)
            except InvalidRecordError as error:
                return BadRow(line, error.reason, error.detail)
        raise AssertionError(f"line {line}: every value can be used")


def normal_texts(texts: pa.StringArray) -> pa.StringArray:
    """Return texts in normal form (`contract.values.normal_text`)."""
    if pc.all(pc.string_is_ascii(texts)).as_py() is False:
        return pa.array(map(normal_text, texts.to_pylist()), pa.string())
    return pc.ascii_trim(texts, characters=_SPACES)
