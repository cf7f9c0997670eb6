"""Predictions on the wire and for people: one encoding and one rendering for all rooms."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_BYTES_SUFFIX = "_bytes"
_CLASS, _IMAGE, _ERROR, _VALUE = "probabilities", "reconstruction", "error", "predictions"


def prediction_rows(columns: Mapping[str, Sequence[Any]]) -> list[Any]:
    """Return one prediction per instance: an object of named outputs, or the bare value of the only output.

    Bytes become text where they are UTF-8, and `{"b64": "..."}` where they are not or where the output's name
    ends in `_bytes`, as in TensorFlow Serving. https://www.tensorflow.org/tfx/serving/api_rest#response_format_4

    Args:
        columns: output -> its values, one per instance: numbers, booleans, bytes, or nested lists.

    Raises:
        ValueError: the outputs have not the same number of values.
    """
    encoded = {
        name: [_encode(value, as_base64=name.endswith(_BYTES_SUFFIX)) for value in values]
        for name, values in columns.items()
    }
    if len(encoded) == 1:
        return next(iter(encoded.values()))
    return [dict(zip(encoded, row, strict=True)) for row in zip(*encoded.values(), strict=True)]


def _encode(value: Any, *, as_base64: bool) -> Any:
    if isinstance(value, list):
        return [_encode(item, as_base64=as_base64) for item in value]
    if not isinstance(value, bytes):
        return value
    if not as_base64:
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    return {"b64": base64.b64encode(value).decode()}


@dataclass(frozen=True, kw_only=True)
class RenderedPrediction:
    """A prediction for people; which fields are set depends on the model's outputs.

    Attributes:
        text: the predicted class, the predicted quantity, or the reconstruction error.
        label: the true label in the same terms; empty where it is unknown or says nothing of the prediction.
        probabilities: classes with their probabilities, the likeliest first.
        image: a reconstructed grayscale image, nested lists of 0 to 1; None without one.
        other: outputs of an unknown kind, as JSON.
    """

    text: str
    label: str = ""
    probabilities: tuple[tuple[str, float], ...] = ()
    image: Any = None
    other: str = ""

    @property
    def correct(self) -> bool | None:
        """True if the predicted class is the label; None for a regression, or where the label is unknown."""
        return self.text == self.label if self.probabilities and self.label else None

    def __str__(self) -> str:
        return f"{self.text} ({self.probabilities[0][1]:.0%})" if self.probabilities else self.text


def render(prediction: Any, *, labels: Sequence[str] = (), label: Any = None) -> RenderedPrediction:
    """Return a prediction of an endpoint or an export for people.

    Args:
        prediction: JSON value: outputs by name, or the only output itself.
        labels: names of the classes, in the order of the probabilities.
        label: the true label, as in golden requests: the index of a class, or a quantity.
    """
    outputs = prediction if isinstance(prediction, dict) else {_VALUE: prediction}
    if _CLASS in outputs:
        values = outputs[_CLASS]
        names = labels if len(labels) == len(values) else [f"class {index}" for index in range(len(values))]
        ranked = sorted(zip(names, map(float, values), strict=True), key=lambda item: -item[1])
        # JSON numbers of a protobuf Value are all floating-point.
        true = "" if label is None else names[int(label)]
        return RenderedPrediction(text=ranked[0][0], label=true, probabilities=tuple(ranked))
    if _IMAGE in outputs or _ERROR in outputs:
        error = _number(outputs.get(_ERROR))
        text = "reconstruction" + ("" if error is None else f", mean squared error {error:.4g}")
        return RenderedPrediction(text=text, image=outputs.get(_IMAGE))
    value = _number(outputs.get(_VALUE))
    true = "" if label is None else f"{float(label):.4g}"
    if value is not None:
        return RenderedPrediction(text=f"{value:.4g}", label=true)
    return RenderedPrediction(text="prediction", label=true, other=json.dumps(prediction, indent=2))


def _number(value: Any) -> float | None:
    """Return a number, alone in any number of lists; None if it is anything else."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return float(value) if isinstance(value, int | float) else None
