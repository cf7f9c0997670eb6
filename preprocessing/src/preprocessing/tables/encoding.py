"""Rows of text to serialized records, some thousand at a time.

Work goes column by column: each text is looked up among the encoded ones, and the entries of a row are
joined. Python's own code runs once for each distinct value and each batch, what remains runs in C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from contract import DataContract
from preprocessing.rejections import RejectedError
from preprocessing.tables.columns import Column, Floats
from preprocessing.tables.rows import BadRow, Rows
from preprocessing.tables.wire import example_prefix, wire_order

Texts = Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows that became records.

    Attributes:
        records: serialized tf.Examples.
        keys: what the split hashes, of each record.
        lines: where each record's row begins.
        texts: by feature in the order of the contract, the raw text of each record.
        numbers: by feature, the numbers of the records, shape (n,); `None` if the feature is no number.
        bad: rows with a value that can't be used.
    """

    records: list[bytes]
    keys: list[bytes]
    lines: Sequence[int]
    texts: list[Texts]
    numbers: list[Floats | None]
    bad: list[BadRow]


class RowEncoder:
    """Encodes rows as the features of a contract say."""

    def __init__(self, contract: DataContract) -> None:
        """Derive the encoder from a contract for CSV files."""
        assert contract.csv is not None  # noqa: S101 - DataContract sees to it
        features = contract.features
        self.columns = [Column(feature, missing=contract.csv.missing) for feature in features]
        self._names = [feature.name for feature in features]
        self._wire_order = wire_order(self._names)
        self._keys = [index for index, feature in enumerate(features) if feature.role == "key"]
        self._told = [i for i in self._wire_order if features[i].role in {"input", "label"}]

    def encode(self, rows: Rows, columns: tuple[str, ...]) -> Batch:
        """The records of rows, in their order.

        Args:
            rows: each with a value for every one of the columns.
            columns: the names of the file's columns.
        """
        by_column = list(zip(*rows.rows, strict=True))
        texts: list[Texts] = [by_column[columns.index(name)] if rows.rows else () for name in self._names]
        entries, numbers = map(list, zip(*map(Column.look_up, self.columns, texts), strict=True))
        lines, bad = rows.lines, []
        if not all(map(all, entries)):
            usable = [all(row) for row in zip(*entries, strict=True)]
            bad = [
                self._explained(lines[index], [column_texts[index] for column_texts in texts])
                for index, is_usable in enumerate(usable)
                if not is_usable
            ]
            texts = [list(compress(column_texts, usable)) for column_texts in texts]
            entries = [list(compress(column_entries, usable)) for column_entries in entries]
            numbers = [None if found is None else found[np.array(usable)] for found in numbers]
            lines = list(compress(lines, usable))
        bodies = list(map(b"".join, zip(*(entries[index] for index in self._wire_order), strict=True)))
        return Batch(
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
        """The key's text, several joined by NUL; without a key the entries of inputs and label."""
        if self._keys:
            stripped = [map(str.strip, texts[index]) for index in self._keys]
            return [row.encode() for row in map("\0".join, zip(*stripped, strict=True))]
        if len(self._told) == len(self._wire_order):
            return bodies
        return list(map(b"".join, zip(*(entries[index] for index in self._told), strict=True)))

    def _explained(self, line: int, texts: list[str]) -> BadRow:
        for column, text in zip(self.columns, texts, strict=True):
            try:
                column.encode(text)
            except RejectedError as error:
                return BadRow(line, error.reason, error.detail)
        raise AssertionError(f"line {line}: every value can be used")
