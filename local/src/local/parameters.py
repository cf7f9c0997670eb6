"""`--set NAME=VALUE` texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from local.errors import StackError


def parse_settings(texts: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` texts as a mapping.

    Raises:
        StackError: a text has no name or no equals sign.
    """
    settings = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise StackError(f"--set: expected NAME=VALUE, received {text!r}")
        settings[name] = value
    return settings


def as_json(settings: Mapping[str, str]) -> dict[str, Any]:
    """Each value as the JSON that it is; what is no JSON is text."""
    values: dict[str, Any] = {}
    for name, text in settings.items():
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values
