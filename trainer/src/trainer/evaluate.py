"""Asks an export about the records of a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract import FeatureSpec
from trainer.export import ExportedModel
from trainer.records import Records, Split, example_features, instance_features
from trainer.scores.score import Answers

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


def ask(export: ExportedModel, records: Records, split: Split, *, batch_size: int) -> Answers:
    """What an export says of every record of a split."""
    outputs, targets = [], []
    for batch in examples(records, split, batch_size=batch_size):
        outputs.append(export.predict(batch.inputs))
        targets.append(batch.targets)
    return Answers(
        outputs={name: np.concatenate([output[name] for output in outputs]) for name in outputs[0]},
        targets=np.concatenate(targets),
        known_labels=export.labels(),
        source=str(export.folder),
    )


def ask_about(export: ExportedModel, some: Examples) -> Answers:
    """What an export says of some records."""
    return Answers(outputs=export.predict(some.inputs), targets=some.targets)


def _targets(values: NDArray[Any], label: FeatureSpec) -> NDArray[Any]:
    if label.vocabulary:
        return np.asarray(values - label.first_index)
    return values.astype(np.float32)
