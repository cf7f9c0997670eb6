"""A notifier that writes what it is told into a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseNotifier


class FileNotifier(BaseNotifier):
    """Appends a line for each message.

    Args:
        file: its path.
        line: a template.
    """

    template_fields: Sequence[str] = ("line",)

    def __init__(self, file: str, line: str) -> None:
        super().__init__()
        self.file = file
        self.line = line

    def notify(self, context: Mapping[str, Any]) -> None:
        with Path(self.file).open("a") as stream:
            stream.write(f"{self.line}\n")
