"""Warm-up with the golden requests of an export, and what it tells about batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from contract import ContractError
from contract.artifacts import GoldenRequest
from serving.batching import Outputs, Rows
from serving.instances import Array

_CHECKED_ROWS = 4
_TOLERANCE = 1e-3
"""Of floats: a kernel rounds otherwise for another number of rows."""

_log = logging.getLogger(__name__)


def golden_instances(folder: Path) -> list[Any]:
    """Return the instances of a SavedModel's golden requests; none if it has none."""
    path = folder / GoldenRequest.EXPORTED
    if not path.is_file():
        return []
    try:
        return [
            dict(request.instance) for request in GoldenRequest.from_text(path.read_text(encoding="utf-8"))
        ]
    except (ContractError, ValueError) as error:
        _log.warning("no warm-up with golden requests: %s", error)
        return []


def distinct_rows(rows: Rows) -> bool:
    """Return True if not all rows are the same."""
    return any(bool((array != array[:1]).any()) for array in rows.arrays.values())


def mixes_rows(graph: Callable[[Mapping[str, Array]], Outputs], rows: Rows, together: Outputs) -> bool:
    """Return True if a row is answered otherwise alone than among others."""
    for index in range(min(rows.count, _CHECKED_ROWS)):
        alone = graph({name: array[index : index + 1] for name, array in rows.arrays.items()})
        for name, array in together.items():
            if array.ndim == 0 or len(array) != rows.count or len(alone[name]) != 1:
                return True
            if not _close(alone[name][0], array[index]):
                return True
    return False


def _close(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape:
        return False
    if one.dtype.kind in "biuO":
        return bool((one == other).all())
    return np.allclose(
        one.astype(np.float64), other.astype(np.float64), rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True
    )
