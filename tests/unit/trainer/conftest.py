"""Datasets for the trainer: rendered flowers as TFRecords, with the contract beside them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import pytest
import tensorflow as tf
from samples.flowers import KINDS, render

from dataset_contract import FEATURES_FILENAME, DataContract, image_features

LABELS = tuple(KINDS)


def write_dataset(
    folder: Path, *, train: int = 40, validation: int = 12, shards: int = 2, labels: Sequence[str] = LABELS
) -> Path:
    """Write a dataset as preprocessing does: classic ImageNet keys, TFDS file names, labels from 1."""
    contract = DataContract(name="flowers", record_format="image", features=image_features(tuple(labels)))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FEATURES_FILENAME).write_text(contract.to_features_json())
    first = 0
    for split, count in (("train", train), ("validation", validation)):
        for shard in range(shards):
            name = f"flowers-{split}.tfrecord-{shard:05d}-of-{shards:05d}"
            with tf.io.TFRecordWriter(str(folder / name)) as writer:
                for index in range(first + shard, first + count, shards):
                    writer.write(_example(index, labels, contract))
        first += count
    return folder


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
