"""Adapter of the models of tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from contract import DataContract, FeatureSpec
from contract.model_inputs import ModelInputs
from trainer.adapter import PREDICTIONS, ModelAdapter, Tensors
from trainer.network import CLASS_IDS, TableModel
from trainer.options import ExportFormat
from trainer.records import example_features

_DTYPES = {"string": tf.string, "int64": tf.float32, "float32": tf.float32}


class TableAdapter(ModelAdapter):
    """Adapter of a `TableModel`, whose `transform` encodes records and requests alike.

    Args:
        model: of the table.
        contract: of the dataset.
        export_format: content of a prediction request.
        class_weights: weight of each class in the training loss; None for none.
    """

    def __init__(
        self,
        model: TableModel,
        contract: DataContract,
        *,
        export_format: ExportFormat,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        self._class_weights = class_weights
        self.network = model.network
        self.labels = contract.label.vocabulary
        self.train_metric_name = "accuracy" if self.labels else "mae"
        self._model = model
        self._export_format = export_format
        self._inputs = contract.model_inputs
        self._model_inputs = ModelInputs.of(contract)
        self._label = contract.label
        self._spec = example_features([*self._inputs.values(), contract.label])

    def evaluation_batches(self, records: tf.data.Dataset, *, batch_size: int) -> tf.data.Dataset:
        """Return encoded columns, and labels: classes from 0, int64 (batch,), or float32 (batch,)."""

        # A whole batch at a time: operations on single values cost more than what they compute.
        def parse(serialized: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            columns = tf.io.parse_example(serialized, self._spec)
            label = columns.pop(self._label.name) - self._label.first_index
            if not self._label.vocabulary:
                label = tf.cast(label, tf.float32)
            return self._model.transform(columns), label

        return records.batch(batch_size, drop_remainder=True).map(
            parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the loss of each row."""
        return self._model.losses(targets, outputs)

    def training_losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the loss of each row, with class weights."""
        losses = self.losses(targets, outputs)
        return losses if self._class_weights is None else losses * tf.gather(self._class_weights, targets)

    def train_metric(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the accuracy of each row, 1 or 0, or its absolute error, in the label's unit."""
        predicted = self._model.predict(outputs)
        if self.labels:
            return tf.cast(predicted[CLASS_IDS][:, 0] == targets, tf.float32)
        return tf.abs(predicted[PREDICTIONS][:, 0] - targets)

    def serving_inputs(self) -> dict[str, tf.TensorSpec]:
        """Return one tensor for each column: string or float32."""
        return {
            name: tf.TensorSpec([None], _DTYPES[item.feature.dtype], name=item.tensor)
            for name, item in self._model_inputs.by_name.items()
        }

    def model_inputs(self) -> ModelInputs:
        """Return the inputs by the names of their columns."""
        return self._model_inputs

    def alternative_request(self) -> tuple[tf.TensorSpec, Callable[[tf.Tensor], Tensors]] | None:
        """Return a CSV row or a tf.Example for each instance, string (batch,); `None` for JSON columns."""
        if self._export_format == "CSV":
            return tf.TensorSpec([None], tf.string, name="csv_row"), self._columns_of_rows
        if self._export_format == "EXAMPLE":
            return tf.TensorSpec([None], tf.string, name="example_bytes"), self._columns_of_examples
        return None

    def _columns_of_rows(self, rows: tf.Tensor) -> Tensors:
        defaults = [_default(feature) for feature in self._inputs.values()]
        return dict(zip(self._inputs, tf.io.decode_csv(rows, defaults), strict=True))

    def _columns_of_examples(self, examples: tf.Tensor) -> Tensors:
        return tf.io.parse_example(examples, example_features(self._inputs.values()))

    def serve(self, inputs: Tensors) -> dict[str, tf.Tensor]:
        """Return the predictions for raw columns."""
        outputs = self.network(self._model.transform(inputs), training=False)
        return self._model.predict(outputs)


def _default(feature: FeatureSpec) -> tf.Tensor:
    """Return the default of an empty CSV field, none where an empty field is an error."""
    dtype = _DTYPES[feature.dtype]
    return tf.constant([] if feature.default is None else [feature.default], dtype)
