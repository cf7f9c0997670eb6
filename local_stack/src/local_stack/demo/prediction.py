"""Asks the production endpoint about one image that no model was ever trained on."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local_stack.environment import PROJECT, REGION
from local_stack.errors import StackError
from local_stack.ports import Ports

_TIMEOUT_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class GoldenImage:
    """An image of the validation side, with its true label.

    Attributes:
        filename: its path in the raw data.
        label: the name of its true label.
        jpeg: the file.
    """

    filename: str
    label: str
    jpeg: bytes

    @classmethod
    def first(cls, golden: Path, labels: list[str]) -> GoldenImage:
        """The first image in a run's golden.jsonl."""
        with golden.open() as lines:
            request = json.loads(next(lines))
        return cls(
            filename=request["filename"],
            label=labels[request["label"]],
            jpeg=base64.b64decode(request["instance"]["image_bytes"]["b64"]),
        )


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an endpoint answered.

    Attributes:
        label: the name of the predicted label.
        probability: of that label.
        model: the resource name of the model that answered.
        version: its version.
    """

    label: str
    probability: float
    model: str
    version: str


def ask(ports: Ports, endpoint: str, image: GoldenImage, labels: list[str]) -> Answer:
    """The answer of an endpoint.

    https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/predict

    Raises:
        StackError: it does not answer, or not with a prediction.
    """
    name = f"projects/{PROJECT}/locations/{REGION}/endpoints/{endpoint}"
    instance = {"image_bytes": {"b64": base64.b64encode(image.jpeg).decode()}}
    try:
        response = httpx.post(
            f"{ports.emulator_url}/v1/{name}:predict",
            json={"instances": [instance]}, timeout=_TIMEOUT_SECONDS, trust_env=False,
        )  # fmt: skip
    except httpx.TransportError as error:
        raise StackError(f"{name} did not answer: {error!r}") from error
    if response.is_error:
        raise StackError(f"{name} answered with {response.status_code}: {response.text[:500]}")
    answer: dict[str, Any] = response.json()
    prediction = answer["predictions"][0]
    # JSON numbers of a protobuf Value are all floating-point.
    index = int(prediction["classes"])
    return Answer(
        label=labels[index],
        probability=float(prediction["probabilities"][index]),
        model=answer["model"],
        version=str(answer["modelVersionId"]),
    )
