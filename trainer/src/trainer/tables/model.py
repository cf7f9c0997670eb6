"""A model of a table: the pieces that a training loop and an export put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import tensorflow as tf

RawBatch = Mapping[str, tf.Tensor]
"""Columns by feature name, each (batch,): string for words, float32 for numbers."""


@dataclass(frozen=True, kw_only=True)
class TableModel:
    """What turns the columns of a table into predictions.

    Everything outside the network is made of TensorFlow's operations on constants: no lookup table and no
    variable, so that the same functions run in an input pipeline and in an export, and any loader reads them.

    Attributes:
        transform: from raw columns by feature name, (batch,) each, string or numbers, to what the network
            takes.
        network: from what `transform` gives to outputs, float32 (batch, outputs).
        predict: from outputs to what a caller of the export gets, by name.
        losses: from targets (batch,) and outputs to the loss of each example, float32 (batch,).
    """

    transform: Callable[[RawBatch], dict[str, tf.Tensor]]
    network: keras.Model
    predict: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    losses: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
