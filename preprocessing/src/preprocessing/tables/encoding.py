"""Rows of text to serialized records, some thousand at a time.

Work goes column by column: each text is looked up among the encoded ones, and the entries of a row are
joined. Python's own code runs once for each distinct value and each batch, the rest runs in C. Most columns
have few distinct values: each is validated and encoded once, and then looked up. Numbers that hardly repeat
are parsed all together instead, as long as each of them plainly is a number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt

from contract import DataContract, FeatureSpec
from contract.values import is_rounded_text, normal_text
from preprocessing.errors import InvalidRecordError, excerpt
from preprocessing.example_serialization import (
    bytes_entry,
    example_prefix,
    float_entry,
    float_prefix,
    int64_entry,
    serialization_order,
)
from preprocessing.tables.rows import BadRow, Rows

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

Floats = npt.NDArray[np.float64]
Texts = Sequence[str]


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
        self._indices = {value: index for index, value in enumerate(feature.vocabulary, feature.first_index)}

    def look_up(self, texts: Texts) -> tuple[list[bytes], Floats | None]:
        """Return the entries for n raw texts, and, if parsed together, their numbers, shape (n,)."""
        if self._parses_together and self._misses > len(texts) // _REPEATING:
            numbers = self._parse_together(texts)
            if numbers is not None:
                prefix, packed = float_prefix(self.feature.name), numbers.astype("<f4").tobytes()
                return [prefix + packed[at : at + 4] for at in range(0, len(packed), 4)], numbers
        if max(len(self), len(self.numbers)) > _KEPT_TEXTS:
            self.clear()
            self.numbers.clear()
            self.missing_texts.clear()
        self._misses = 0
        return list(map(self.__getitem__, texts)), None

    def numbers_of(self, texts: Texts) -> Floats:
        """Return the numbers that n texts stand for, shape (n,), just after they were looked up."""
        return np.fromiter(map(self.numbers.__getitem__, texts), np.float64, len(texts))

    def _parse_together(self, texts: Texts) -> Floats | None:
        """Return the numbers that n texts stand for; None if one of them has to be looked at."""
        together = "".join(texts)
        if "_" in together or not together.isascii():
            return None
        try:
            numbers = np.array(list(map(float, texts)))
        except ValueError:
            return None
        feature = self.feature
        low = -_FLOAT32_MAXIMUM if feature.minimum is None else feature.minimum
        high = _FLOAT32_MAXIMUM if feature.maximum is None else feature.maximum
        # Not-a-numbers fail both comparisons.
        if not np.all((numbers >= low) & (numbers <= high)):
            return None
        # Large whole numbers may have to be refused.
        return numbers if np.abs(numbers).max(initial=0.0) <= _MOST_EXACT else None

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
            if len(raw) <= _KEPT_CHARACTERS:
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


@dataclass(frozen=True, kw_only=True)
class RecordBatch:
    """Rows that became records.

    Attributes:
        records: serialized tf.Examples.
        keys: the key of each record, which the split hashes.
        lines: number of the first line of each record's row.
        texts: by feature in the order of the contract, the raw text of each record.
        numbers: by feature, the numbers of the records, shape (n,); None if the feature is no number.
        bad: rows with a value that can't be used.
    """

    records: list[bytes]
    keys: list[bytes]
    lines: Sequence[int]
    texts: list[Texts]
    numbers: list[Floats | None]
    bad: list[BadRow]


class RowEncoder:
    """Encodes rows by the features of a contract."""

    def __init__(self, contract: DataContract) -> None:
        features = contract.features
        self.columns = [Column(feature, missing=contract.missing_of(feature)) for feature in features]
        self._names = [feature.name for feature in features]
        self._order = serialization_order(self._names)
        self._keys = [index for index, feature in enumerate(features) if feature.role == "key"]
        self._hashed = [i for i in self._order if features[i].role in {"input", "label"}]

    def encode(self, rows: Rows, columns: tuple[str, ...]) -> RecordBatch:
        """Return the records of rows, in their order.

        Args:
            rows: each with a value for every one of the columns.
            columns: names of the file's columns.
        """
        by_column = list(zip(*rows.rows, strict=True))
        texts: list[Texts] = [by_column[columns.index(name)] if rows.rows else () for name in self._names]
        entries, numbers = map(list, zip(*map(Column.look_up, self.columns, texts), strict=True))
        lines, bad = rows.lines, []
        if not all(map(all, entries)):
            valid = [all(row) for row in zip(*entries, strict=True)]
            bad = [
                self._bad_row(lines[index], [column_texts[index] for column_texts in texts])
                for index, is_valid in enumerate(valid)
                if not is_valid
            ]
            texts = [list(compress(column_texts, valid)) for column_texts in texts]
            entries = [list(compress(column_entries, valid)) for column_entries in entries]
            numbers = [None if found is None else found[np.array(valid)] for found in numbers]
            lines = list(compress(lines, valid))
        bodies = list(map(b"".join, zip(*(entries[index] for index in self._order), strict=True)))
        return RecordBatch(
            records=[example_prefix(len(body)) + body for body in bodies],
            keys=self._keys_of(texts, entries, bodies),
            lines=lines,
            texts=texts,
            numbers=[
                column.numbers_of(column_texts) if found is None and column.feature.is_number else found
                for column, column_texts, found in zip(self.columns, texts, numbers, strict=True)
            ],
            bad=bad,
        )

    def _keys_of(self, texts: list[Texts], entries: list[list[bytes]], bodies: list[bytes]) -> list[bytes]:
        """Return the key's text, several joined by NUL; without a key the entries of inputs and label."""
        if self._keys:
            stripped = [map(normal_text, texts[index]) for index in self._keys]
            return [row.encode() for row in map("\0".join, zip(*stripped, strict=True))]
        if len(self._hashed) == len(self._order):
            return bodies
        return list(map(b"".join, zip(*(entries[index] for index in self._hashed), strict=True)))

    def _bad_row(self, line: int, texts: list[str]) -> BadRow:
        for column, text in zip(self.columns, texts, strict=True):
            try:
                column.encode(text)
            except InvalidRecordError as error:
                return BadRow(line, error.reason, error.detail)
        raise AssertionError(f"line {line}: every value can be used")
