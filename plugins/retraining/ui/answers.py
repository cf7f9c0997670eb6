"""A model's question and answer as a page shows them, whatever kind of model it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retraining.ui.pictures import data_uri, grey_data_uri

IMAGE_INPUT = "image_bytes"
BARS = 6


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An answer; which of its parts there are depends on the model.

    Attributes:
        headline: the answer in a word or a number.
        shares: the likeliest classes with their probabilities, the likeliest first.
        picture: the address of a picture that the model made.
        raw: what else was said, as JSON.
    """

    headline: str
    shares: Sequence[tuple[str, float]] = ()
    picture: str | None = None
    raw: str = ""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A request whose answer is known.

    Attributes:
        name: the file that it is from, or empty.
        picture: the address of the picture that was asked about, if it was one.
        row: the values that were asked about, if it was a row.
        label: the right answer, as a headline; empty where there is none.
        answer: the model's.
        right: whether the two agree; `None` where that can't be said.
    """

    name: str
    picture: str | None
    row: Mapping[str, Any]
    label: str
    answer: Shown
    right: bool | None


def show(prediction: Any, labels: Sequence[str]) -> Shown:
    """An answer of an endpoint.

    Args:
        prediction: one of its predictions.
        labels: the classes of the dataset, if it has any.
    """
    if not isinstance(prediction, dict):
        return _number(prediction)
    if "probabilities" in prediction:
        return _class(prediction["probabilities"], labels)
    if "reconstruction" in prediction:
        error = f"mean squared error {prediction['error']:.4g}" if "error" in prediction else "made again"
        return Shown(headline=error, picture=grey_data_uri(prediction["reconstruction"]))
    if "predictions" in prediction:
        return _number(prediction["predictions"])
    return Shown(headline="answer", raw=json.dumps(prediction, indent=2))


def example(line: Mapping[str, Any], labels: Sequence[str]) -> Example:
    """A line of `golden.jsonl`."""
    instance, label = line["instance"], line.get("label")
    answer = show(line["prediction"], labels)
    image = instance.get(IMAGE_INPUT)
    right_answer = ""
    if answer.picture is None and label is not None:
        right_answer = labels[int(label)] if labels else f"{float(label):.4g}"
    return Example(
        name=line.get("filename", "").rpartition("/")[2],
        picture=data_uri(image["b64"]) if image else None,
        row={} if image else instance,
        label=right_answer,
        answer=answer,
        right=right_answer == answer.headline if labels and right_answer else None,
    )


def _class(probabilities: Sequence[float], labels: Sequence[str]) -> Shown:
    names = labels if len(labels) == len(probabilities) else [f"class {i}" for i in range(len(probabilities))]
    shares = sorted(zip(names, probabilities, strict=True), key=lambda share: -share[1])
    return Shown(headline=shares[0][0], shares=shares[:BARS])


def _number(value: Any) -> Shown:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, int | float):
        return Shown(headline=f"{value:.4g}")
    return Shown(headline="answer", raw=json.dumps(value, indent=2))
