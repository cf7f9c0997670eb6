"""Slices of the validation records: those that share a value of a feature, or a range of values."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.estimates import SliceEvaluation
from trainer.bootstrap import bootstrap
from trainer.errors import InputError
from trainer.evaluators import Score
from trainer.examples import Predictions
from trainer.records import Records

MOST_VALUES = 20
"""Most slices of one feature: its commonest values. A number with more is divided at its quartiles."""

_RESAMPLES = 300


def slice_columns(records: Records, names: Sequence[str]) -> list[str]:
    """Return the inputs among the features to slice by; the label needs no column.

    Raises:
        InputError: a name is neither an input nor the label.
    """
    inputs, label = records.contract.model_inputs, records.contract.label.name
    for name in names:
        if name != label and (name not in inputs or inputs[name].name != name):
            known = sorted([label, *(item for item, feature in inputs.items() if feature.name == item)])
            raise InputError("--slices", expected=f"names among {known}", received=name)
    return [name for name in names if name != label]


def evaluate_slices(
    records: Records, names: Sequence[str], predictions: Predictions, model: Score, production: Score | None
) -> tuple[SliceEvaluation, ...]:
    """Evaluate a model, and its difference from production, on each slice.

    Args:
        records: the dataset.
        names: of the features.
        predictions: of the model, with the columns of the features.
        model: score of these predictions.
        production: score of the version in production on the same records; None without one.
    """
    found = []
    for name in names:
        for value, chosen in _slices(records, name, predictions):
            others = {} if production is None else {"production": production.sample.take(chosen)}
            result = bootstrap(model.sample.take(chosen), others, resamples=_RESAMPLES)
            found.append(
                SliceEvaluation(
                    feature=name,
                    value=value,
                    examples=int(chosen.sum()),
                    metrics=result.metrics,
                    difference=result.differences.get("production", {}),
                )
            )
    return tuple(found)


def _slices(records: Records, name: str, predictions: Predictions) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield the text of each slice with its records, (records,), the commonest first."""
    labels = records.labels
    if name == records.contract.label.name:
        values: NDArray[Any] = predictions.targets
        if labels:
            values = np.array(labels)[values]
    else:
        values = predictions.columns[name]
    kinds, counts = np.unique(values, return_counts=True)
    if values.dtype.kind in "fi" and len(kinds) > MOST_VALUES:
        yield from _quartiles(values)
        return
    for index in np.argsort(-counts, kind="stable")[:MOST_VALUES]:
        yield _text(kinds[index]), values == kinds[index]


def _quartiles(values: NDArray[Any]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    bounds = np.unique(np.percentile(values, (0, 25, 50, 75, 100)))
    for low, high in itertools.pairwise(bounds):
        last = high == bounds[-1]
        chosen = (values >= low) & ((values <= high) if last else (values < high))
        if chosen.any():
            yield f"{low:g} to {high:g}", chosen


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return f"{value:g}" if isinstance(value, np.floating) else str(value)
