"""Models of tables: a wide and deep network over encoded columns, for classification and regression."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from contract import DataContract, DatasetStatistics
from trainer.adapter import PREDICTIONS, PROBABILITIES
from trainer.columns import CATEGORIES, CROSSES, NUMBERS, Columns, RawBatch
from trainer.errors import InputError
from trainer.options import RegressionOptions, TableOptions, WideDeepOptions

CLASS_IDS = "class_ids"
CLASSES = "classes"
LOGISTIC = "logistic"
LOGITS = "logits"
_EMBEDDING_STD = 0.05
"""Small, so that a rare category has hardly any effect."""


@dataclass(frozen=True, kw_only=True)
class TableModel:
    """Functions from the columns of a table to predictions.

    Everything outside the network consists of TensorFlow's operations on constants: no lookup table and no
    variable, so that the same functions run in an input pipeline and in an export, and any loader reads them.

    Attributes:
        transform: from raw columns by feature name, (batch,) each, string or numbers, to network inputs.
        network: from network inputs to network outputs, float32 (batch, outputs).
        predict: from network outputs to the outputs of the export's signature, by name.
        losses: from targets (batch,) and outputs to the loss of each example, float32 (batch,).
    """

    transform: Callable[[RawBatch], dict[str, tf.Tensor]]
    network: keras.Model
    predict: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    losses: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def wide_and_deep(
    encoded: dict[str, tuple[int, ...]],
    *,
    category_count: int,
    cross_count: int,
    embedding_size: int,
    layers: Sequence[int],
    dropout: float,
    outputs: int,
    policy: str,
    seed: int,
) -> keras.Model:
    """Return an untrained network (Cheng et al., 2016, https://arxiv.org/abs/1606.07792).

    The wide part is linear in the numbers and has a weight for each category and each combination; the deep
    part takes the numbers and an embedding of each category. Their outputs are added.

    Args:
        encoded: shape of each input without the batch: `numbers`, `categories`, `crosses`.
        category_count: number of indices of categories.
        cross_count: number of indices of combinations.
        embedding_size: embedding dimension.
        layers: units of each hidden layer.
        dropout: dropout rate of each hidden layer.
        outputs: of the network.
        policy: Keras dtype policy of all layers but the last.
        seed: of weights and dropout.

    Returns:
        A model from the inputs by name to float32 (batch, outputs).
    """
    seeds = iter(range(seed * 1000, (seed + 1) * 1000))
    inputs = {
        name: keras.Input(shape, name=name, dtype="float32" if name == NUMBERS else "int32")
        for name, shape in encoded.items()
    }
    deep, wide = [], []
    if NUMBERS in inputs:
        deep.append(inputs[NUMBERS])
        wide.append(
            keras.layers.Dense(
                outputs, use_bias=False, kernel_initializer="zeros", dtype="float32", name="wide_numbers"
            )(inputs[NUMBERS])
        )
    for name, count in ((CATEGORIES, category_count), (CROSSES, cross_count)):
        if name in inputs:
            weights = keras.layers.Embedding(
                count, outputs, embeddings_initializer="zeros", dtype="float32", name=f"wide_{name}"
            )(inputs[name])
            wide.append(keras.ops.sum(weights, axis=1))
    if CATEGORIES in inputs:
        embedded = keras.layers.Embedding(
            category_count,
            embedding_size,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=_EMBEDDING_STD, seed=next(seeds)),
            dtype=policy,
            name="embeddings",
        )(inputs[CATEGORIES])
        deep.append(keras.layers.Flatten(dtype=policy)(embedded))
    x = deep[0] if len(deep) == 1 else keras.layers.Concatenate(dtype=policy)(deep)
    for index, units in enumerate(layers):
        x = keras.layers.Dense(
            units,
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(seed=next(seeds)),
            dtype=policy,
            name=f"hidden_{index}",
        )(x)
        if dropout:
            x = keras.layers.Dropout(dropout, seed=next(seeds), dtype=policy)(x)
    last = keras.layers.Dense(
        outputs,
        kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
        dtype="float32",
        name="deep",
    )(x)
    return keras.Model(inputs, keras.layers.Add(dtype="float32", name="outputs")([last, *wide]))


def create_network(
    columns: Columns, contract: DataContract, options: TableOptions, *, outputs: int, policy: str, seed: int
) -> keras.Model:
    """Return an untrained network for the encoded columns.

    Args:
        columns: encoders of the inputs.
        contract: of the dataset.
        options: sizes and regularization.
        outputs: of the network.
        policy: Keras dtype policy.
        seed: of weights and dropout.
    """
    raw = {
        feature.name: tf.TensorSpec([None], tf.string if feature.dtype == "string" else tf.float32)
        for feature in contract.features
        if feature.role == "input"
    }
    encoded = tf.function(columns.transform).get_concrete_function(raw).structured_outputs
    return wide_and_deep(
        {name: tuple(spec.shape[1:]) for name, spec in encoded.items()},
        category_count=sum(columns.category_sizes),
        cross_count=sum(columns.cross_sizes),
        embedding_size=options.embedding_size,
        layers=options.layers,
        dropout=options.dropout,
        outputs=outputs,
        policy=policy,
        seed=seed,
    )


def wide_deep(
    contract: DataContract,
    statistics: DatasetStatistics,
    options: WideDeepOptions,
    *,
    policy: str,
    seed: int,
) -> TableModel:
    """Return an untrained classifier of the contract's label.

    Its network gives logits, float32: (batch, 1) for two classes, else (batch, classes). It predicts the
    outputs of TensorFlow's estimators: `class_ids`, int64 (batch, 1), from 0; `classes`, string (batch, 1);
    `logits`; `probabilities`, float32 (batch, classes); and for two classes `logistic`, float32 (batch, 1).

    Args:
        contract: of the dataset; its label has a vocabulary.
        statistics: of its training split.
        options: shape of the network.
        policy: Keras dtype policy, `float32` or `mixed_bfloat16`.
        seed: of weights and dropout.

    Raises:
        InputError: the label has less than two classes, or an option names no input of the right kind.
    """
    labels = contract.label.vocabulary
    if len(labels) < 2:
        raise InputError(f"label {contract.label.name}", expected="two classes or more", received=labels)
    columns = Columns.of(contract, statistics, options)
    outputs = 1 if len(labels) == 2 else len(labels)
    network = create_network(columns, contract, options, outputs=outputs, policy=policy, seed=seed)

    def predict(logits: tf.Tensor) -> dict[str, tf.Tensor]:
        if outputs == 1:
            logistic = tf.sigmoid(logits)
            binary = {LOGISTIC: logistic}
            probabilities = tf.concat([1.0 - logistic, logistic], axis=1)
        else:
            binary = {}
            probabilities = tf.nn.softmax(logits)
        class_ids = tf.argmax(probabilities, axis=1)[:, None]
        return {
            CLASS_IDS: class_ids,
            CLASSES: tf.gather(tf.constant(labels), class_ids),
            LOGITS: logits,
            PROBABILITIES: probabilities,
            **binary,
        }

    def losses(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        if outputs == 1:
            return tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(targets, tf.float32), logits[:, 0])
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)

    return TableModel(transform=columns.transform, network=network, predict=predict, losses=losses)


def regression(
    contract: DataContract,
    statistics: DatasetStatistics,
    options: RegressionOptions,
    *,
    policy: str,
    seed: int,
) -> TableModel:
    """Return an untrained regression of the contract's label.

    Its network gives the standardized label, float32 (batch, 1); it predicts `predictions`, float32
    (batch, 1), in the label's units and within the bounds of the contract. The loss is in the label's units
    as well: the absolute error less a constant above `huber_delta`, and quadratic below it.

    Args:
        contract: of the dataset; its label is a number.
        statistics: of its training split.
        options: shape of the network.
        policy: Keras dtype policy, `float32` or `mixed_bfloat16`.
        seed: of weights and dropout.

    Raises:
        InputError: the label is no number or has no statistics, or an option names no input of the right
            kind.
    """
    label = contract.label
    if not label.is_number or label.name not in statistics.numbers:
        raise InputError(f"label {label.name}", expected="a number with statistics", received=label.dtype)
    mean, std = statistics.numbers[label.name].mean, statistics.numbers[label.name].std or 1.0
    low = -math.inf if label.minimum is None else label.minimum
    high = math.inf if label.maximum is None else label.maximum
    delta = options.huber_delta * std
    columns = Columns.of(contract, statistics, options)
    network = create_network(columns, contract, options, outputs=1, policy=policy, seed=seed)

    def predict(outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {PREDICTIONS: tf.clip_by_value(outputs * std + mean, low, high)}

    def losses(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        errors = tf.abs(tf.cast(targets, tf.float32) - (outputs[:, 0] * std + mean))
        return tf.where(errors < delta, errors**2 / (2.0 * delta), errors - delta / 2.0)

    return TableModel(transform=columns.transform, network=network, predict=predict, losses=losses)
