"""Answers of an export as a server of it gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def predictions(outputs: Mapping[str, NDArray[Any]]) -> list[Any]:
    """One plain JSON value for each instance: its outputs by name; a single output stands without its name.

    https://www.tensorflow.org/tfx/serving/api_rest#response_format_4
    """
    columns = {name: [json_value(value) for value in values] for name, values in outputs.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def json_value(value: Any) -> Any:
    """A numpy value, or bytes that are text, as a plain JSON value."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.float32):
        # The shortest text that means the same: 0.8, not 0.800000011920929.
        return float(str(value))
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        return [json_value(item) for item in value.tolist()]
    return value.tolist() if hasattr(value, "tolist") else value
