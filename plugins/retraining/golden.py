"""Golden requests: what the trained model answered to a few records, asked again wherever it is served."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract import ContractError
from contract.fields import FieldReader

TOLERANCE = 1e-3
"""How far a fraction may be from the golden one: other machines round otherwise."""


@dataclass(frozen=True, kw_only=True)
class GoldenRequest:
    """One request and its answer.

    Attributes:
        instance: a JSON object as the model takes it.
        prediction: what it must come back with.
    """

    instance: Mapping[str, Any]
    prediction: Any


def parse(text: str) -> list[GoldenRequest]:
    """The requests in the text of `golden.jsonl`.

    Raises:
        ContractError: there are none, or a field is missing or of the wrong type.
    """
    requests = []
    for number, line in enumerate(text.splitlines(), start=1):
        reader = FieldReader.of_text(line, f"golden.jsonl, line {number}")
        requests.append(
            GoldenRequest(
                instance=reader.take("instance", dict), prediction=reader.take("prediction", object)
            )
        )
    if not requests:
        raise ContractError("golden.jsonl", expected="at least one request", received="none")
    return requests


def differences(requests: Sequence[GoldenRequest], predictions: Sequence[Any]) -> list[str]:
    """Where predictions are not the golden ones, each place with what was expected and received."""
    if len(predictions) != len(requests):
        return [f"predictions: expected {len(requests)}, received {len(predictions)}"]
    return [
        found
        for index, (request, prediction) in enumerate(zip(requests, predictions, strict=True))
        for found in _differences(f"predictions[{index}]", request.prediction, prediction)
    ]


def _differences(where: str, expected: Any, received: Any) -> list[str]:
    if isinstance(expected, dict) and isinstance(received, dict) and expected.keys() == received.keys():
        return [
            found
            for key in expected
            for found in _differences(f"{where}.{key}", expected[key], received[key])
        ]
    if isinstance(expected, list) and isinstance(received, list) and len(expected) == len(received):
        return [
            found
            for index, (one, other) in enumerate(zip(expected, received, strict=True))
            for found in _differences(f"{where}[{index}]", one, other)
        ]
    if isinstance(expected, float) and isinstance(received, int | float):
        same = math.isclose(expected, received, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    else:  # the index of a class comes as 3.0: JSON's numbers have no other type on the way
        same = expected == received
    return [] if same else [f"{where}: expected {expected!r}, received {received!r}"]
