"""Responses in TensorFlow Serving's forms: `predictions` by rows, `outputs` by columns.

https://www.tensorflow.org/tfx/serving/api_rest#response_format_4
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from contract.predictions import prediction_rows
from serving.errors import ModelError, NotFiniteError
from serving.instances import Array


def response(outputs: Mapping[str, Array], *, count: int, columnar: bool) -> tuple[bytes, int]:
    """Return the body of a response, and the number of rows that failed in it.

    JSON has no NaN and no infinity. By rows, a row with one of them is an object with only an `error` and
    the others are predictions; where no row is left, or by columns, which have no room for an error, the
    request fails.

    Raises:
        ModelError: an output has another number of rows.
        NotFiniteError: no row, or not every column, is finite.
    """
    if not columnar:
        rows, failed = _predictions(outputs, count)
        return json.dumps({"predictions": rows}).encode(), failed
    values = {name: _values(name, array, count) for name, array in outputs.items()}
    errors = _not_finite(outputs, root="inputs")
    if errors:
        raise next(iter(errors.values()))
    encoded = {name: prediction_rows({name: column}) for name, column in values.items()}
    only = next(iter(encoded.values())) if len(encoded) == 1 else encoded
    return json.dumps({"outputs": only}).encode(), 0


def predictions(outputs: Mapping[str, Array], *, count: int) -> list[Any]:
    """Return one prediction per instance in JSON values: an object, or the bare value of the only output.

    Args:
        outputs: arrays with the batch as their first dimension.
        count: number of instances.

    Raises:
        ModelError: an output has another batch size.
        NotFiniteError: no row is finite.
    """
    return _predictions(outputs, count)[0]


def _predictions(outputs: Mapping[str, Array], count: int) -> tuple[list[Any], int]:
    rows = prediction_rows({name: _values(name, array, count) for name, array in outputs.items()})
    errors = _not_finite(outputs, root="instances")
    if len(errors) == count:
        raise errors[0]
    for index, error in errors.items():
        rows[index] = error.to_json()
    return rows, len(errors)


def _not_finite(outputs: Mapping[str, Array], *, root: str) -> dict[int, NotFiniteError]:
    """Return the errors of the rows with a number that JSON can't represent, by index."""
    errors: dict[int, NotFiniteError] = {}
    for name, array in outputs.items():
        if array.dtype.kind in "biuO":
            continue
        finite = np.isfinite(_plain(array))
        if finite.all():
            continue
        for index in np.flatnonzero(~finite.reshape(len(array), -1).all(axis=1)).tolist():
            errors.setdefault(
                index,
                NotFiniteError(
                    f"{root}[{index}]",
                    expected=f"a row for which {name} is finite",
                    received=f"NaN or infinity in {name} from the model",
                ),
            )
    return errors


def _values(name: str, array: Array, count: int) -> list[Any]:
    if array.ndim == 0 or len(array) != count:
        raise ModelError(
            f"outputs[{name}]", expected=f"{count} rows", received=f"shape {list(array.shape)} from the model"
        )
    values: list[Any] = _plain(array).tolist()
    return values


def _plain(array: Array) -> Array:
    """Return an array of a dtype that Python has: neither bfloat16 nor half precision; bytes are objects."""
    return array if array.dtype.kind in "biuO" or array.dtype == np.float64 else array.astype(np.float64)
