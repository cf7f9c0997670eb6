"""Asks the production endpoint about one record that no model was ever trained on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.answer import Answer
from local.environment import PROJECT, REGION
from local.errors import StackError
from local.golden import GoldenRecord, picture_suffix
from local.home import Home
from local.ports import Ports

_TIMEOUT_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One answer of the production endpoint.

    Attributes:
        endpoint: its id.
        asked: the record: an image's path in the raw data, or a row as JSON.
        predicted: the answer, in words.
        label: the record's label, in words; empty where it can't be compared.
        probability: of the predicted class; `None` where there are no classes.
        right: whether the class is the label's; `None` where there are no classes.
        model: the resource name of the model that answered.
        version: its version.
        saved_as: where the image lies now; `None` for a row.
    """

    endpoint: str
    asked: str
    predicted: str
    label: str
    probability: float | None
    right: bool | None
    model: str
    version: str
    saved_as: str | None

    @classmethod
    def of(
        cls,
        endpoint: str,
        record: GoldenRecord,
        response: Mapping[str, Any],
        labels: Sequence[str],
        home: Home,
    ) -> Prediction:
        """What the endpoint said of a record, whose image, if it is one, is saved beside the report."""
        answer = Answer.of(response["predictions"][0], record.label, labels)
        return cls(
            endpoint=endpoint,
            asked=record.words,
            predicted=answer.words,
            label=answer.truth,
            probability=answer.probability,
            right=answer.right,
            model=response["model"],
            version=str(response["modelVersionId"]),
            saved_as=_save(record.picture, home.demo_picture),
        )

    def lines(self, label_name: str) -> list[str]:
        """For people.

        Args:
            label_name: the quantity or class that the model predicts; may be empty.
        """
        answer = Answer(
            words=self.predicted, truth=self.label, probability=self.probability, right=self.right
        )
        named = f"{label_name} {answer}" if self.saved_as is None and label_name else str(answer)
        verdict = f": {answer.verdict}" if answer.verdict else ""
        lines = [
            f"endpoint {self.endpoint}, version {self.version}, answers {named}{verdict}",
            f"  {self.asked}",
        ]
        if self.saved_as is not None:
            lines.append(f"  the picture, never trained on: {os.path.relpath(self.saved_as)}")
        return lines


def ask(ports: Ports, endpoint: str, record: GoldenRecord) -> Mapping[str, Any]:
    """The response of an endpoint about one record.

    https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/predict

    Raises:
        StackError: it does not answer, or not with a prediction.
    """
    name = f"projects/{PROJECT}/locations/{REGION}/endpoints/{endpoint}"
    try:
        response = httpx.post(
            f"{ports.emulator_url}/v1/{name}:predict",
            json={"instances": [record.instance]}, timeout=_TIMEOUT_SECONDS, trust_env=False,
        )  # fmt: skip
    except httpx.TransportError as error:
        raise StackError(f"{name} did not answer: {error!r}") from error
    if response.is_error:
        raise StackError(f"{name} answered with {response.status_code}: {response.text[:500]}")
    answer: dict[str, Any] = response.json()
    return answer


def _save(picture: bytes | None, stem: Path) -> str | None:
    for outdated in stem.parent.glob(f"{stem.name}.*"):
        outdated.unlink()
    if picture is None:
        return None
    file = stem.with_suffix(picture_suffix(picture))
    file.write_bytes(picture)
    return str(file)
