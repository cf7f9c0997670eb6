"""Errors of a whole conversion, and of a single record; only the first kind ends the program."""

from __future__ import annotations

from typing import Literal

Reason = Literal[
    # files
    "corrupt", "empty", "truncated", "unreadable",
    # images
    "conflicting_labels", "not_an_image", "too_large", "unpaired",
    # rows
    "bad_quote", "column_count", "field_too_long", "not_utf8", "nul_byte", "unterminated_quote",
    # values
    "missing_value", "not_a_number", "not_a_timestamp", "out_of_range", "unknown_label", "unknown_word",
]  # fmt: skip

_EXCERPT_CHARACTERS = 40


class ConversionError(RuntimeError):
    """A conversion that ended without a dataset; the message names the cause."""


class SourceError(ConversionError):
    """A source, or a file of many records, that can't be read to its end or holds nothing."""


class StorageError(ConversionError):
    """Storage that failed while a source was read; another attempt may succeed."""


class OutputError(ConversionError):
    """Files in the output folder that contradict the ones being written."""


class TooManyRejectedError(ConversionError):
    """More rejected records than the contract allows."""


class InvalidRecordError(Exception):
    """Raw data that can't become a record.

    Attributes:
        reason: one word, for counting.
        detail: one phrase, for people.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail


def excerpt(text: str) -> str:
    """Return raw text for a detail: quoted, and cut when it is long."""
    if len(text) <= _EXCERPT_CHARACTERS:
        return repr(text)
    return f"{text[:_EXCERPT_CHARACTERS]!r}... ({len(text)} characters)"
