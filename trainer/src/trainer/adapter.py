"""Interface of a kind of model to the training loop, the export and the report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

Tensors = Mapping[str, tf.Tensor]


class ModelAdapter(ABC):
    """A network, and how records become its inputs and its outputs become answers.

    Attributes:
        network: an untrained `keras.Model`; its weights are float32 whatever it computes in.
        labels: the classes in the order of the answers' probabilities; empty where there are none.
        train_metric_name: of the figure that is shown beside the loss while training.
    """

    network: keras.Model
    labels: tuple[str, ...] = ()
    train_metric_name: str

    def training_batches(self, records: tf.data.Dataset, *, batch_size: int, seed: int) -> tf.data.Dataset:
        """Serialized records, string (), as full batches of what the network takes and of targets.

        Args:
            records: without end.
            batch_size: of each batch.
            seed: of augmentation; by default there is none.
        """
        del seed
        return self.evaluation_batches(records, batch_size=batch_size)

    @abstractmethod
    def evaluation_batches(self, records: tf.data.Dataset, *, batch_size: int) -> tf.data.Dataset:
        """The same without augmentation.

        Args:
            records: without end.
            batch_size: of each batch.
        """

    @abstractmethod
    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The loss of each example, float32 (batch,)."""

    def training_losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """What training makes smaller, float32 (batch,)."""
        return self.losses(targets, outputs)

    @abstractmethod
    def train_metric(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The figure `train_metric_name` of each example, float32 (batch,)."""

    @abstractmethod
    def serve(self, inputs: Tensors) -> dict[str, tf.Tensor]:
        """What an exported model answers.

        Args:
            inputs: the inputs of its signature, each (batch,).

        Returns:
            The outputs of its signature, each with the batch as its first dimension.
        """

    @abstractmethod
    def serving_inputs(self) -> dict[str, tf.TensorSpec]:
        """The inputs of an exported model's signature, by name."""

    def other_request(self) -> tuple[tf.TensorSpec, Callable[[tf.Tensor], Tensors]] | None:
        """Another form of request that the export takes by default.

        Returns:
            Its one input, and what makes the inputs of `serve` of it; `None` if there is no other form.
        """
        return None

    @property
    def decay_variables(self) -> Sequence[Any]:
        """The weights that weight decay makes smaller."""
        return [v for v in self.network.trainable_variables if "batch_normalization" not in v.path]
