"""Turns the columns that a graph answers with into one row per instance, in plain JSON values."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.errors import ModelError


def rows(outputs: Mapping[str, npt.NDArray[Any]], *, count: int) -> list[Any]:
    """One prediction per instance: an object of named outputs, or the bare value where there is one output.

    Bytes are text where they are UTF-8, and `{"b64": "..."}` where they are not or where the output's name
    ends in `_bytes`, as in TensorFlow Serving. https://www.tensorflow.org/tfx/serving/api_rest#response_format_4

    Args:
        outputs: arrays with the batch as their first dimension.
        count: the number of instances.

    Raises:
        ModelError: an output has another batch, or a number that JSON can't hold.
    """
    values = {name: _values(name, array, count) for name, array in outputs.items()}
    if len(values) == 1:
        return next(iter(values.values()))
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _values(name: str, array: npt.NDArray[Any], count: int) -> list[Any]:
    if array.ndim == 0 or len(array) != count:
        raise ModelError(
            f"outputs[{name}]", expected=f"{count} rows", received=f"shape {list(array.shape)} from the model"
        )
    if array.dtype.kind == "O":
        return [_text(value, as_base64=name.endswith("_bytes")) for value in array.tolist()]
    # JSON knows neither bfloat16 nor half precision, nor does Python.
    plain = array if array.dtype.kind in "biu" else array.astype(np.float64)
    if plain.dtype.kind == "f" and not np.isfinite(plain).all():
        index = int(np.argwhere(~np.isfinite(plain))[0][0])
        raise ModelError(
            f"outputs[{name}]",
            expected="finite numbers",
            received=f"NaN or infinity from the model for instance {index}",
        )
    return plain.tolist()


def _text(value: Any, *, as_base64: bool) -> Any:
    if isinstance(value, list):
        return [_text(item, as_base64=as_base64) for item in value]
    if not as_base64:
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    return {"b64": base64.b64encode(value).decode()}
