"""A small table of trips: raw columns, their contract and their statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from contract import (
    CsvFormat,
    DataContract,
    DatasetStatistics,
    FeatureSpec,
    NumberStatistics,
    WordStatistics,
)
from contract.kinds import category, class_label, number, target
from trainer.tables.model import TableModel

ROWS = 512
LONGITUDES, LATITUDES = ("from_lon", "to_lon"), ("from_lat", "to_lat")
POINTS = "from_lon,from_lat,to_lon,to_lat"
INPUTS = (
    number("distance", default=1.0),
    *(number(name, default=0.0) for name in LONGITUDES + LATITUDES),
    category("payment", default="?"),
    category("zone"),
    category("started"),
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
        words={name: word_statistics(values) for name, values in trips.items() if values.dtype.kind == "U"},
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


def word_statistics(values: Any) -> WordStatistics:
    """The statistics of words."""
    words, counts = np.unique(values, return_counts=True)
    commonest = sorted(
        zip(words.tolist(), counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0])
    )
    return WordStatistics(count=len(values), missing=0, words=dict(commonest), other=0)


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
