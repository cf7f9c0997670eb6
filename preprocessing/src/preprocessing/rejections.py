"""Raw data that can't become a record, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "conflicting_labels", "corrupt", "empty", "not_jpeg", "truncated", "unknown_label", "unreadable"
]


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
        uri: the raw file, or the line of a CSV file (`FILE:LINE`).
        reason: one word, for counting.
        detail: one phrase, for people.
    """

    uri: str
    reason: Reason
    detail: str

    def to_json_line(self) -> str:
        """The line, with its end."""
        return json.dumps({"uri": self.uri, "reason": self.reason, "detail": self.detail}) + "\n"
