"""The network that fits the columns of a table."""

from __future__ import annotations

import keras
import tensorflow as tf

from contract import DataContract
from trainer.tables.columns import Columns
from trainer.tables.network import wide_and_deep
from trainer.tables.options import TableOptions


def network_of(
    columns: Columns, contract: DataContract, options: TableOptions, *, outputs: int, policy: str, seed: int
) -> keras.Model:
    """An untrained network of the right size.

    Args:
        columns: how the inputs are encoded.
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
        word_count=sum(columns.word_sizes),
        cross_count=sum(columns.cross_sizes),
        embedding_size=options.embedding_size,
        layers=options.layers,
        dropout=options.dropout,
        outputs=outputs,
        policy=policy,
        seed=seed,
    )
