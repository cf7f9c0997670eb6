"""Regression of a number in a table's rows."""

from __future__ import annotations

import math

import tensorflow as tf

from contract import DataContract, DatasetStatistics
from trainer.errors import InputError
from trainer.scores.numbers import PREDICTIONS
from trainer.tables.assembly import network_of
from trainer.tables.columns import Columns
from trainer.tables.model import TableModel
from trainer.tables.options import RegressionOptions


def regression(
    contract: DataContract,
    statistics: DatasetStatistics,
    options: RegressionOptions,
    *,
    policy: str,
    seed: int,
) -> TableModel:
    """An untrained regression of the contract's label.

    Its network gives the standardized label, float32 (batch, 1); it predicts `predictions`, float32
    (batch, 1), in the label's units and within the bounds of the contract. The loss is in the label's units
    as well: the absolute error less a constant above `huber_delta`, and quadratic below it.

    Args:
        contract: of the dataset; its label is a number.
        statistics: of its training side.
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
    network = network_of(columns, contract, options, outputs=1, policy=policy, seed=seed)

    def predict(outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {PREDICTIONS: tf.clip_by_value(outputs * std + mean, low, high)}

    def losses(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        errors = tf.abs(tf.cast(targets, tf.float32) - (outputs[:, 0] * std + mean))
        return tf.where(errors < delta, errors**2 / (2.0 * delta), errors - delta / 2.0)

    return TableModel(transform=columns.transform, network=network, predict=predict, losses=losses)
