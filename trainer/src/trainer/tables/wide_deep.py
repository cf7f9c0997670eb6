"""Classification of a table's rows by a wide and a deep network."""

from __future__ import annotations

import tensorflow as tf

from contract import DataContract, DatasetStatistics
from trainer.errors import InputError
from trainer.scores.classes import PROBABILITIES
from trainer.tables.assembly import network_of
from trainer.tables.columns import Columns
from trainer.tables.model import TableModel
from trainer.tables.options import WideDeepOptions

CLASS_IDS = "class_ids"
CLASSES = "classes"
LOGISTIC = "logistic"
LOGITS = "logits"


def wide_deep(
    contract: DataContract,
    statistics: DatasetStatistics,
    options: WideDeepOptions,
    *,
    policy: str,
    seed: int,
) -> TableModel:
    """An untrained classifier of the contract's label.

    Its network gives logits, float32: (batch, 1) for two classes, else (batch, classes). It predicts what
    TensorFlow's estimators did: `class_ids`, int64 (batch, 1), from 0; `classes`, string (batch, 1);
    `logits`; `probabilities`, float32 (batch, classes); and for two classes `logistic`, float32 (batch, 1).

    Args:
        contract: of the dataset; its label has a vocabulary.
        statistics: of its training side.
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
    network = network_of(columns, contract, options, outputs=outputs, policy=policy, seed=seed)

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
