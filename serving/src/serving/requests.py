"""Bodies of predict requests: rows (`instances`) or columns (`inputs`), for a signature by its name.

https://www.tensorflow.org/tfx/serving/api_rest#predict_api
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from serving.errors import InstanceError, describe

MEMBERS = ("instances", "inputs", "signature_name", "parameters")


@dataclass(frozen=True, kw_only=True)
class PredictRequest:
    """Request for predictions.

    Attributes:
        instances: one JSON value per row.
        signature: name of the signature; empty for the default one.
        columnar: whether the request came by columns, and so the response goes.
    """

    instances: Sequence[Any]
    signature: str = ""
    columnar: bool = False

    def own_terms(self, error: InstanceError) -> InstanceError:
        """Return an error of a row with the path that the value has in this request."""
        if not self.columnar:
            return error
        field = re.sub(r"^instances\[(\d+)\]\.([^.\[]+)", r"inputs.\2[\1]", error.field)
        field = re.sub(r"^instances\b", "inputs", field)
        return InstanceError(field, expected=error.expected, received=error.received)


def parse(body: bytes, *, max_nesting: int) -> PredictRequest:
    """Parse the body of a request.

    Args:
        body: JSON text.
        max_nesting: most levels of lists and objects inside one another.

    Raises:
        InstanceError: the body is no JSON object with at least one row, or has an unknown member.
    """
    try:
        document = json.loads(body, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise InstanceError(
            "body", expected="a JSON object", received=f"{describe(body)}: {error}"
        ) from error
    if not isinstance(document, dict):
        raise InstanceError("body", expected="a JSON object", received=describe(document))
    _check_nesting(document, max_nesting)
    unknown = sorted(document.keys() - set(MEMBERS))
    if unknown:
        raise InstanceError("body", expected=f"only {', '.join(MEMBERS)}", received=describe(unknown))
    if document.get("parameters"):
        raise InstanceError(
            "parameters", expected="nothing: the model takes none", received=describe(document["parameters"])
        )
    signature = document.get("signature_name", "")
    if not isinstance(signature, str):
        raise InstanceError("signature_name", expected="a string", received=describe(signature))
    if "inputs" in document:
        if "instances" in document:
            raise InstanceError("body", expected="either instances or inputs", received="both")
        return PredictRequest(instances=_rows(document["inputs"]), signature=signature, columnar=True)
    instances = document.get("instances")
    if not isinstance(instances, list):
        received = describe(instances) if "instances" in document else "nothing"
        raise InstanceError("instances", expected="a list", received=received)
    if not instances:
        raise InstanceError("instances", expected="at least one instance", received="an empty list")
    return PredictRequest(instances=instances, signature=signature)


def _rows(inputs: object) -> list[Any]:
    """Return the rows of columns: a list for the only input, or lists of equal length by input."""
    if isinstance(inputs, list) and inputs:
        return inputs
    if not isinstance(inputs, dict) or not inputs:
        raise InstanceError(
            "inputs", expected="lists by input, or the list of the only input", received=describe(inputs)
        )
    for name, values in inputs.items():
        if not isinstance(values, list) or not values:
            raise InstanceError(
                f"inputs.{name}", expected="a list with a value per row", received=describe(values)
            )
    count = len(next(iter(inputs.values())))
    for name, values in inputs.items():
        if len(values) != count:
            raise InstanceError(
                f"inputs.{name}",
                expected=f"as many values as the first input has, {count}",
                received=str(len(values)),
            )
    return [dict(zip(inputs, row, strict=True)) for row in zip(*inputs.values(), strict=True)]


def _check_nesting(document: object, limit: int) -> None:
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > limit:
            raise InstanceError("body", expected=f"at most {limit} levels of nesting", received="more")
        level = [
            item
            for node in level
            for item in (node.values() if isinstance(node, dict) else node)  # type: ignore[attr-defined]
            if type(item) is list or type(item) is dict
        ]


def _constant(name: str) -> float:
    """Return NaN, with which many a client writes a missing number."""
    if name == "NaN":
        return math.nan
    raise ValueError(f"{name} is not JSON")
