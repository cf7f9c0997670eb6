"""Datasets for the trainer: rendered flowers as TFRecords, and a small table of trips."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from contract import (
    FEATURES_FILENAME,
    CategoricalStatistics,
    CsvFormat,
    DataContract,
    DatasetStatistics,
    FeatureSpec,
    NumberStatistics,
    category,
    class_label,
    image_features,
    number,
    target,
    timestamp,
)
from contract.artifacts import DatasetInfo, SplitInfo, shard_filename
from samples.flowers import KINDS, render
from trainer.network import TableModel

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
            name = shard_filename("flowers", split, shard, shards)
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
        statistics: of numbers and categories.
    """
    splits = [
        SplitInfo(name=name, shard_lengths=tuple(lengths), num_bytes=0) for name, lengths in shards.items()
    ]
    info = DatasetInfo(name="tiny", version="1.0.0", splits=tuple(splits))
    (folder / DatasetInfo.FILENAME).write_text(info.to_text())
    found = DatasetStatistics(
        records={name: sum(lengths) for name, lengths in shards.items()},
        labels=labels,
        numbers=statistics.get("numbers", {}),
        categories=statistics.get("categories", {}),
    )
    (folder / DatasetStatistics.FILENAME).write_text(found.to_text())


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


ROWS = 512
LONGITUDES, LATITUDES = ("from_lon", "to_lon"), ("from_lat", "to_lat")
POINTS = "from_lon,from_lat,to_lon,to_lat"
INPUTS = (
    number("distance", default=1.0),
    *(number(name, default=0.0) for name in LONGITUDES + LATITUDES),
    category("payment", default="?"),
    category("zone"),
    timestamp("started"),
)


def contract_of(label: FeatureSpec) -> DataContract:
    """The contract of the trips with one of their labels."""
    return DataContract(
        name="trips", record_format="csv", features=(*INPUTS, label), csv=CsvFormat(columns=())
    )


@pytest.fixture(scope="session")
def trips() -> dict[str, Any]:
    """Raw columns by name, numpy (ROWS,); `fare` grows with the distance, `tipped` with the payment."""
    random, rows = np.random.default_rng(0), range(ROWS)
    distance = random.exponential(3.0, ROWS).astype(np.float32)
    card = random.random(ROWS) < 0.5
    columns: dict[str, Any] = {
        "distance": distance,
        "payment": np.where(card, "card", np.where(random.random(ROWS) < 0.5, "cash", "?")),
        "zone": random.integers(0, 30, ROWS).astype(str),
        "started": np.array(
            [f"2019-{1 + row % 12:02d}-{1 + row % 28:02d} {row % 24:02d}:30:00" for row in rows]
        ),
        "fare": (3.0 + 2.5 * distance).astype(np.float32),
        "tipped": (card & (distance > 1.0)).astype(np.int64),
        "band": np.digitize(distance, [1.0, 4.0]).astype(np.int64),
    }
    for name in LONGITUDES:
        columns[name] = random.normal(-74.0, 0.05, ROWS).astype(np.float32)
    for name in LATITUDES:
        columns[name] = random.normal(40.75, 0.05, ROWS).astype(np.float32)
    return columns


@pytest.fixture(scope="session")
def statistics(trips) -> DatasetStatistics:
    """The statistics of the trips."""
    return DatasetStatistics(
        records={"train": ROWS},
        labels={},
        numbers={
            name: number_statistics(values) for name, values in trips.items() if values.dtype.kind == "f"
        },
        categories={
            name: categorical_statistics(values) for name, values in trips.items() if values.dtype.kind == "U"
        },
    )


@pytest.fixture(scope="session")
def fare_contract() -> DataContract:
    """The trips with a number to predict."""
    return contract_of(target("fare", minimum=0.0, maximum=500.0))


@pytest.fixture(scope="session")
def tipped_contract() -> DataContract:
    """The trips with two classes."""
    return contract_of(class_label("tipped", ("no", "yes")))


@pytest.fixture(scope="session")
def band_contract() -> DataContract:
    """The trips with three classes."""
    return contract_of(class_label("band", ("short", "middle", "long")))


def number_statistics(values: Any) -> NumberStatistics:
    """The statistics of numbers."""
    return NumberStatistics(
        count=len(values),
        missing=0,
        mean=float(np.mean(values)),
        std=float(np.std(values)),
        minimum=float(np.min(values)),
        maximum=float(np.max(values)),
        quantiles=tuple(np.quantile(values, np.linspace(0.0, 1.0, 101)).tolist()),
    )


def categorical_statistics(values: Any) -> CategoricalStatistics:
    """The statistics of categories."""
    categories, counts = np.unique(values, return_counts=True)
    commonest = sorted(
        zip(categories.tolist(), counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0])
    )
    return CategoricalStatistics(count=len(values), missing=0, counts=dict(commonest), other=0)


@pytest.fixture(scope="session")
def inputs(trips) -> dict[str, tf.Tensor]:
    """The raw inputs of all rows."""
    return {feature.name: tf.constant(trips[feature.name]) for feature in INPUTS}


@pytest.fixture
def predict_after_training(trips, inputs) -> Callable[[TableModel, str], dict[str, tf.Tensor]]:
    """Trains a model on all rows and gives its predictions of them."""

    def run(model: TableModel, label: str) -> dict[str, tf.Tensor]:
        targets, encoded = tf.constant(trips[label]), model.transform(inputs)
        variables = model.network.trainable_variables
        optimizer = keras.optimizers.Adam(0.01)
        optimizer.build(variables)

        @tf.function
        def step() -> None:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(model.losses(targets, model.network(encoded, training=True)))
            optimizer.apply(tape.gradient(loss, variables), variables)

        for _ in range(60):
            step()
        return model.predict(model.network(encoded))

    return run
