"""Interface of a kind of model to the training loop, the export and the evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.model_inputs import ModelInputs
from trainer.examples import Predictions

PROBABILITIES = "probabilities"
PREDICTIONS = "predictions"
RECONSTRUCTION = "reconstruction"
ERROR = "error"

Tensors = Mapping[str, tf.Tensor]


class ModelAdapter(ABC):
    """A network, with the conversion of records to its inputs and of its outputs to predictions.

    Attributes:
        network: an untrained `keras.Model`; its weights are float32 whatever it computes in.
        labels: classes in the order of the predicted probabilities; empty where there are none.
        train_metric_name: name of the metric that is shown beside the loss while training.
    """

    network: keras.Model
    labels: tuple[str, ...] = ()
    train_metric_name: str

    def training_batches(self, records: tf.data.Dataset, *, batch_size: int, seed: int) -> tf.data.Dataset:
        """Return full batches of network inputs and targets, with data augmentation if there is any.

        Args:
            records: serialized records without end, string ().
            batch_size: examples in a batch.
            seed: of the augmentation.
        """
        del seed
        return self.evaluation_batches(records, batch_size=batch_size)

    @abstractmethod
    def evaluation_batches(self, records: tf.data.Dataset, *, batch_size: int) -> tf.data.Dataset:
        """Return full batches of network inputs and targets, without augmentation.

        Args:
            records: serialized records without end, string ().
            batch_size: examples in a batch.
        """

    @abstractmethod
    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the loss of each example, float32 (batch,)."""

    def training_losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the loss of each example that training minimizes, float32 (batch,)."""
        return self.losses(targets, outputs)

    @abstractmethod
    def train_metric(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the metric `train_metric_name` of each example, float32 (batch,)."""

    @abstractmethod
    def serve(self, inputs: Tensors) -> dict[str, tf.Tensor]:
        """Return the predictions of an exported model.

        Args:
            inputs: by name, each (batch,).

        Returns:
            The outputs of the signature, each with the batch as its first dimension.
        """

    @abstractmethod
    def serving_inputs(self) -> dict[str, tf.TensorSpec]:
        """Return the inputs of an exported model by name; a spec has the name of the signature's tensor."""

    def model_inputs(self) -> ModelInputs | None:
        """Return the inputs as requests give them, where the signature's have other names or values."""
        return None

    def alternative_request(self) -> tuple[tf.TensorSpec, Callable[[tf.Tensor], Tensors]] | None:
        """Return another form of request that the export takes by default.

        Returns:
            Its one input, and the function from it to the inputs of `serve`; `None` if there is no such form.
        """
        return None

    def summary_images(
        self, inputs: Mapping[str, NDArray[Any]], predictions: Predictions
    ) -> Mapping[str, NDArray[np.uint8]]:
        """Return images of some validation examples for TensorBoard, uint8 (height, width, 3), by name.

        Args:
            inputs: of the signature, each (examples,).
            predictions: for these examples.
        """
        del inputs, predictions
        return {}

    @property
    def decay_variables(self) -> Sequence[Any]:
        """Weights that weight decay applies to."""
        return [v for v in self.network.trainable_variables if "batch_normalization" not in v.path]
