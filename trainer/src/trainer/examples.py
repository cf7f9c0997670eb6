"""Examples of a split as a model is asked about them, its predictions, and the choice of golden requests."""

from __future__ import annotations

import base64
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract import FeatureSpec
from trainer.export import json_value, predictions
from trainer.records import IMAGE_INPUT, Records, Split, example_features, instance_features

_NAMES = ("image/filename",)


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Some records.

    Attributes:
        inputs: what a model is asked with, by the names of its signature; each (records,).
        targets: the labels: int64 (records,), from 0, or float32 (records,).
        names: where each record comes from; empty where the records don't say.
    """

    inputs: Mapping[str, NDArray[Any]]
    targets: NDArray[Any]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, indices: list[int]) -> Examples:
        """Those at these places."""
        return Examples(
            inputs={name: values[indices] for name, values in self.inputs.items()},
            targets=self.targets[indices],
            names=tuple(self.names[index] for index in indices) if self.names else (),
        )


def joined(parts: Sequence[Examples]) -> Examples:
    """The records of all parts, at least one, as one."""
    return Examples(
        inputs={name: np.concatenate([part.inputs[name] for part in parts]) for name in parts[0].inputs},
        targets=np.concatenate([part.targets for part in parts]),
        names=tuple(name for part in parts for name in part.names),
    )


def examples(records: Records, split: Split, *, batch_size: int, stride: int = 1) -> Iterator[Examples]:
    """The records of a split in batches, in the order of the shards.

    Args:
        records: the dataset.
        split: one side of it.
        batch_size: records held in memory at a time.
        stride: from one record to the next that is taken.
    """
    contract = records.contract
    inputs, label = instance_features(contract), contract.label
    named = [feature for feature in contract.features if feature.name in _NAMES or feature.role == "key"]
    spec = example_features({f.name: f for f in [*inputs.values(), label, *named]}.values())
    batches = tf.data.TFRecordDataset(split.files).shard(stride, 0).batch(batch_size)
    for batch in batches.map(lambda records: tf.io.parse_example(records, spec)).as_numpy_iterator():
        yield Examples(
            inputs={name: batch[feature.name] for name, feature in inputs.items()},
            targets=_targets(batch[label.name], label),
            names=tuple(name.decode() for name in batch[named[0].name]) if named else (),
        )


def first_examples(records: Records, split: Split, count: int) -> Examples:
    """The first records of a split, as many as there are up to a count."""
    return next(examples(records, split, batch_size=count))


def spread_examples(records: Records, split: Split, count: int) -> Examples:
    """Some records of a split, evenly spread over all."""
    return next(examples(records, split, batch_size=count, stride=-(-split.records // count)))


def _targets(values: NDArray[Any], label: FeatureSpec) -> NDArray[Any]:
    if label.vocabulary:
        return np.asarray(values - label.first_index)
    return values.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What a model says of some records, through the signature of its export.

    Attributes:
        outputs: by name, each with the records as its first dimension.
        targets: the labels of the same records: int64 (records,), from 0, or float32 (records,).
        known_labels: the classes in the order of the model's probabilities; `None` where it doesn't say.
        source: who answered, for errors.
    """

    outputs: Mapping[str, NDArray[Any]]
    targets: NDArray[Any]
    known_labels: Sequence[str] | None = None
    source: str = "the model"

    @property
    def finite(self) -> bool:
        """Whether every number is one."""
        return all(bool(np.isfinite(v).all()) for v in self.outputs.values() if v.dtype.kind == "f")


GOLDEN_LINES = 8
_AMONG = 4096
_BATCH = 32


def choose_golden(records: Records, split: Split) -> Examples:
    """A few records; of every class in turn, where there are classes.

    Reads until each class has had its turns, at most the first 4096 records: a class that is not among them
    is passed over. Only what may be chosen stays in memory.
    """
    classes = len(records.labels) or 1
    wanted = [divmod(line, classes) for line in range(GOLDEN_LINES)]
    turns: Counter[int] = Counter()
    chosen: list[tuple[tuple[int, int], Examples]] = []
    for batch in itertools.islice(examples(records, split, batch_size=_BATCH), _AMONG // _BATCH):
        for index, target in enumerate(batch.targets):
            label = int(target) if records.labels else 0
            chosen.append(((turns[label], label), batch.take([index])))
            turns[label] += 1
        chosen = sorted(chosen, key=lambda item: item[0])[:GOLDEN_LINES]
        if [place for place, _ in chosen] == wanted:
            break
    return joined([example for _, example in chosen])


def golden_lines(some: Examples, outputs: Mapping[str, NDArray[Any]]) -> str:
    """Requests and the answers that the export gave, one JSON object a line, as a server of it answers."""
    lines = []
    for index, prediction in enumerate(predictions(outputs)):
        instance = {
            name: _json_input(values[index], binary=name == IMAGE_INPUT)
            for name, values in some.inputs.items()
        }
        line = {"instance": instance, "prediction": prediction, "label": json_value(some.targets[index])}
        if some.names:
            line["filename"] = some.names[index]
        lines.append(json.dumps(line))
    return "\n".join(lines) + "\n"


def _json_input(value: Any, *, binary: bool) -> Any:
    return {"b64": base64.b64encode(value).decode()} if binary else json_value(value)
