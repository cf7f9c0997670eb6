"""Examples of a split, predictions for them, and the choice of golden requests."""

from __future__ import annotations

import base64
import io
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from contract import FeatureSpec
from contract.artifacts import GoldenRequest
from contract.data_contract import IMAGE_INPUT
from contract.predictions import prediction_rows
from trainer.records import Records, Split, example_features

GOLDEN_REQUESTS = 8

_FILENAME = "image/filename"
_CANDIDATES = 4096
_IMAGE_BYTES = 1_000_000
"""In base64, and with room for the rest, of the 1.5 MB of a request.
https://cloud.google.com/vertex-ai/docs/predictions/get-online-predictions#limits"""
_REDUCED_SIDE = 1024
_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Parsed records.

    Attributes:
        inputs: of the model's signature, by name; each (records,).
        targets: labels: int64 (records,), from 0, or float32 (records,).
        names: file name or key of each record; empty where the records have none.
    """

    inputs: Mapping[str, NDArray[Any]]
    targets: NDArray[Any]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, indices: list[int]) -> Examples:
        """Return the examples at some indices."""
        return Examples(
            inputs={name: values[indices] for name, values in self.inputs.items()},
            targets=self.targets[indices],
            names=tuple(self.names[index] for index in indices) if self.names else (),
        )


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Outputs of a model for some records, through the signature of its export.

    Attributes:
        outputs: by name, each with the records as its first dimension.
        targets: labels of the same records: int64 (records,), from 0, or float32 (records,).
        known_labels: classes in the order of the model's probabilities; `None` where the export has no list.
        source: the model, for errors.
        columns: values of the features whose slices are evaluated, by name, each (records,).
    """

    outputs: Mapping[str, NDArray[Any]]
    targets: NDArray[Any]
    known_labels: Sequence[str] | None = None
    source: str = "the model"
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def finite(self) -> bool:
        """True if no output is NaN or infinite."""
        return all(bool(np.isfinite(v).all()) for v in self.outputs.values() if v.dtype.kind == "f")


def concatenate(parts: Sequence[Examples]) -> Examples:
    """Return the examples of all parts, at least one, as one."""
    return Examples(
        inputs={name: np.concatenate([part.inputs[name] for part in parts]) for name in parts[0].inputs},
        targets=np.concatenate([part.targets for part in parts]),
        names=tuple(name for part in parts for name in part.names),
    )


def read_examples(records: Records, split: Split, *, batch_size: int, stride: int = 1) -> Iterator[Examples]:
    """Yield the records of a split in batches, in the order of the shards.

    Args:
        records: the dataset.
        split: of the dataset.
        batch_size: records held in memory at a time.
        stride: distance between the records that are taken.
    """
    contract = records.contract
    inputs, label = contract.model_inputs, contract.label
    named = [feature for feature in contract.features if feature.name == _FILENAME or feature.role == "key"]
    spec = example_features({f.name: f for f in [*inputs.values(), label, *named]}.values())
    batches = split.read().shard(stride, 0).batch(batch_size)
    for batch in batches.map(lambda records: tf.io.parse_example(records, spec)).as_numpy_iterator():
        yield Examples(
            inputs={name: batch[feature.name] for name, feature in inputs.items()},
            targets=_targets(batch[label.name], label),
            names=tuple(name.decode() for name in batch[named[0].name]) if named else (),
        )


def first_examples(records: Records, split: Split, count: int) -> Examples:
    """Return the first records of a split, at most a number of them."""
    return next(read_examples(records, split, batch_size=count))


def spread_examples(records: Records, split: Split, count: int) -> Examples:
    """Return some records of a split, evenly spread over all."""
    return next(read_examples(records, split, batch_size=count, stride=-(-split.records // count)))


def _targets(values: NDArray[Any], label: FeatureSpec) -> NDArray[Any]:
    if label.vocabulary:
        return np.asarray(values - label.first_index)
    return values.astype(np.float32)


def choose_golden(records: Records, split: Split) -> Examples:
    """Return a few records for golden requests: of every class in turn, where there are classes.

    Reads until each class has had its turns, at most the first 4096 records: a class that is not among them
    is passed over. Only the records that may be chosen stay in memory. An image that is too large for a
    request of Vertex AI is made smaller.
    """
    classes = len(records.labels) or 1
    wanted = [divmod(request, classes) for request in range(GOLDEN_REQUESTS)]
    turns: Counter[int] = Counter()
    chosen: list[tuple[tuple[int, int], Examples]] = []
    for batch in itertools.islice(read_examples(records, split, batch_size=_BATCH), _CANDIDATES // _BATCH):
        for index, target in enumerate(batch.targets):
            label = int(target) if records.labels else 0
            chosen.append(((turns[label], label), batch.take([index])))
            turns[label] += 1
        chosen = sorted(chosen, key=lambda item: item[0])[:GOLDEN_REQUESTS]
        if [place for place, _ in chosen] == wanted:
            break
    return concatenate([_within_request(example) for _, example in chosen])


def _within_request(example: Examples) -> Examples:
    """Return an example whose image fits into a request."""
    if IMAGE_INPUT not in example.inputs:
        return example
    images = np.array([_smaller(file) for file in example.inputs[IMAGE_INPUT].tolist()], dtype=object)
    return replace(example, inputs={**example.inputs, IMAGE_INPUT: images})


def _smaller(file: bytes) -> bytes:
    """Return an image file of at most `_IMAGE_BYTES`, the same one if it is no larger."""
    reduced, side = file, _REDUCED_SIDE
    while len(reduced) > _IMAGE_BYTES:
        encoded = io.BytesIO()
        with Image.open(io.BytesIO(file)) as image:
            kept = image.format
            image.thumbnail((side, side))
            image.save(encoded, format=kept)
        reduced, side = encoded.getvalue(), side // 2
    return reduced


def golden_requests(examples: Examples, outputs: Mapping[str, NDArray[Any]]) -> list[GoldenRequest]:
    """Return requests with the predictions of the export, as a server of it gives them.

    Args:
        examples: chosen for the requests.
        outputs: predictions for these examples, by name, each with the examples as its first dimension.
    """
    requests = []
    for index, prediction in enumerate(prediction_rows(plain_columns(outputs))):
        instance = {
            name: _json_input(values[index], binary=name == IMAGE_INPUT)
            for name, values in examples.inputs.items()
        }
        requests.append(
            GoldenRequest(
                instance=instance,
                prediction=prediction,
                label=plain_value(examples.targets[index]),
                filename=examples.names[index] if examples.names else "",
            )
        )
    return requests


def plain_columns(outputs: Mapping[str, NDArray[Any]]) -> dict[str, list[Any]]:
    """Return outputs by name as lists of plain values, one per instance."""
    return {name: [plain_value(value) for value in values] for name, values in outputs.items()}


def plain_value(value: Any) -> Any:
    """Return a numpy value as a plain one: numbers and bytes, nested lists for arrays."""
    if isinstance(value, np.float32):
        # The shortest text that means the same: 0.8, not 0.800000011920929.
        return float(str(value))
    return value.tolist() if hasattr(value, "tolist") else value


def _json_input(value: Any, *, binary: bool) -> Any:
    plain = plain_value(value)
    if binary:
        return {"b64": base64.b64encode(plain).decode()}
    return plain.decode() if isinstance(plain, bytes) else plain
