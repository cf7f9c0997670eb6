"""Datasets for the trainer: rendered flowers as TFRecords, with the contract beside them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from contract import (
    FEATURES_FILENAME,
    STATISTICS_FILENAME,
    DataContract,
    DatasetStatistics,
    image_features,
)
from samples.flowers import KINDS, render

LABELS = tuple(KINDS)


def write_dataset(
    folder: Path, *, train: int = 40, validation: int = 12, shards: int = 2, labels: Sequence[str] = LABELS
) -> Path:
    """Write a dataset as preprocessing does: classic ImageNet keys, TFDS file names, labels from 1."""
    contract = DataContract(name="flowers", record_format="image", features=image_features(tuple(labels)))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FEATURES_FILENAME).write_text(contract.to_features_json())
    sides = {"train": range(train), "validation": range(train, train + validation)}
    counts = {
        side: {label: sum(labels[i % len(labels)] == label for i in indices) for label in labels}
        for side, indices in sides.items()
    }
    write_description(
        folder, {side: [len(i[s::shards]) for s in range(shards)] for side, i in sides.items()}, counts
    )
    first = 0
    for split, count in (("train", train), ("validation", validation)):
        for shard in range(shards):
            name = f"flowers-{split}.tfrecord-{shard:05d}-of-{shards:05d}"
            with tf.io.TFRecordWriter(str(folder / name)) as writer:
                for index in range(first + shard, first + count, shards):
                    writer.write(_example(index, labels, contract))
        first += count
    return folder


def write_description(
    folder: Path,
    shards: Mapping[str, Sequence[int]],
    labels: Mapping[str, Mapping[str, int]],
    **statistics: Any,
) -> None:
    """Write what lies beside the records: the lengths of the shards, and what was counted.

    Args:
        folder: of the records.
        shards: records of each shard, by split.
        labels: records of each label, by split.
        statistics: of numbers and words.
    """
    splits = [{"name": name, "shardLengths": [str(n) for n in lengths]} for name, lengths in shards.items()]
    (folder / "dataset_info.json").write_text(json.dumps({"splits": splits}))
    found = DatasetStatistics(
        records={name: sum(lengths) for name, lengths in shards.items()},
        labels=labels,
        numbers=statistics.get("numbers", {}),
        words=statistics.get("words", {}),
    )
    (folder / STATISTICS_FILENAME).write_text(json.dumps(found.to_json()))


def _example(index: int, labels: Sequence[str], contract: DataContract) -> bytes:
    label = labels[index % len(labels)]
    number = contract.label.index_of(label)
    features = {
        "image/encoded": _bytes(render(LABELS[index % len(LABELS)], seed=0, index=index, size=64)),
        "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
        "image/class/synset": _bytes(label.encode()),
        "image/filename": _bytes(f"{label}/{index}.jpg".encode()),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> Path:
    """A small dataset: 40 training and 12 validation records."""
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture
def make_dataset(tmp_path):
    """Writes further datasets: a function with the parameters of `write_dataset` but the folder."""
    return functools.partial(write_dataset, tmp_path / "records")


@pytest.fixture(scope="session")
def describe() -> Callable[..., None]:
    """Writes what lies beside records: `write_description`."""
    return write_description
