"""Dialect of a dataset's CSV files."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ConfigDict

from contract.validation import ContractError

MISSING = ("", "?", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""The usual spellings of a missing value."""


@dataclass(frozen=True, kw_only=True)
class CsvFormat:
    """The dialect of CSV files (RFC 4180): UTF-8, quoted with `"`, any line ending, `.gz` compressed with gzip.

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
        if len(set(self.columns)) != len(self.columns):
            raise ContractError("csv.columns", expected="distinct names", received=self.columns)
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n\0 ':
            raise ContractError(
                "csv.delimiter", expected="one character, not a quote", received=self.delimiter
            )
