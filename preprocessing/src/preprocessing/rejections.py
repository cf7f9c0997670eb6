"""Raw data that can't become a record, and why."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    # files
    "corrupt", "empty", "truncated", "unreadable",
    # images
    "conflicting_labels", "not_jpeg", "unpaired",
    # rows
    "bad_quote", "column_count", "field_too_long", "not_utf8", "nul_byte", "unterminated_quote",
    # values
    "missing_value", "not_a_number", "out_of_range", "unknown_label", "unknown_word",
]  # fmt: skip

LISTED_PER_REASON = 1000
"""How many of a shard's rejections are listed for each reason; beyond that they are only counted."""

_EXCERPT = 40


class RejectedError(Exception):
    """The content of a raw file can't become a record."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """Say why, in one word for counting and in one phrase for people."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, order=True)
class Rejected:
    """One line of `rejected.jsonl`.

    Attributes:
        uri: the raw file, the line where a row begins (`FILE:LINE`), or the image in a file (`FILE:INDEX`).
        reason: one word, for counting.
        detail: one phrase, for people.
    """

    uri: str
    reason: Reason
    detail: str

    def to_json_line(self) -> str:
        """The line, with its end."""
        return json.dumps({"uri": self.uri, "reason": self.reason, "detail": self.detail}) + "\n"


class Rejections:
    """Counts what is rejected and lists the first of each reason, so that memory stays bounded."""

    def __init__(self) -> None:
        self.listed: list[Rejected] = []
        self._counts: Counter[Reason] = Counter()

    def add(self, item: Rejected, *, times: int = 1) -> None:
        """Count something, and list it unless there are many like it.

        Args:
            item: what is rejected, or the first of several for the same reason.
            times: how many they are.
        """
        if self._counts[item.reason] < LISTED_PER_REASON:
            self.listed.append(item)
        self._counts[item.reason] += times

    @property
    def beyond(self) -> dict[Reason, int]:
        """How many are counted but not listed, by reason."""
        left = self._counts - Counter(item.reason for item in self.listed)
        return dict(left)


def excerpt(text: str) -> str:
    """Raw text as a detail shows it: quoted, and cut when it is long."""
    return repr(text) if len(text) <= _EXCERPT else f"{text[:_EXCERPT]!r}... ({len(text)} characters)"
