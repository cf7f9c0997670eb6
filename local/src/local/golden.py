"""The records that a training puts aside: requests of which the answer and the truth are known."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GOLDEN_FILENAME = "golden.jsonl"

_IMAGE_INPUT = "image_bytes"
_PNG = b"\x89PNG"


@dataclass(frozen=True, kw_only=True)
class GoldenRecord:
    """A record of the validation side.

    Attributes:
        instance: what a prediction request sends.
        label: the truth: the index of a class, or a quantity.
        filename: its path in the raw data; empty where a record is a row of a table.
    """

    instance: Mapping[str, Any]
    label: Any
    filename: str = ""

    @classmethod
    def read(cls, golden: Path) -> Iterator[GoldenRecord]:
        """The records of a golden.jsonl, in order."""
        with golden.open() as lines:
            for line in lines:
                record = json.loads(line)
                yield cls(
                    instance=record["instance"],
                    label=record["label"],
                    filename=record.get("filename", ""),
                )

    @property
    def picture(self) -> bytes | None:
        """The image file, if the model takes one."""
        value = self.instance.get(_IMAGE_INPUT)
        return base64.b64decode(value["b64"]) if value is not None else None

    @property
    def words(self) -> str:
        """What is asked about: a picture's name, or the row as JSON."""
        return json.dumps(self.instance) if self.picture is None else self.filename


def picture_suffix(picture: bytes) -> str:
    """The ending of an image file's name."""
    return ".png" if picture.startswith(_PNG) else ".jpg"
