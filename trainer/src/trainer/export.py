"""SavedModel export of a trained model, and its use as a caller sees it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.adapter import ModelAdapter
from trainer.errors import InputError
from trainer.examples import Predictions
from trainer.records import Records, Split

SIGNATURE = "serving_default"
COLUMNS = "columns"
# TensorFlow leaves this folder of a SavedModel to its users.
_LABELS = Path("assets.extra", "labels.json")


def save_model(adapter: ModelAdapter, folder: Path) -> None:
    """Write a SavedModel with the preprocessing inside; what was there before is replaced.

    Its signature `serving_default` takes and gives what the adapter serves. Where it takes another form of
    request, the signature `columns` takes the usual one. The classes, if the adapter has any, lie beside the
    graph, in `assets.extra/labels.json`.
    """
    # TensorFlow sorts the inputs of a signature by name, and calls the function with them in that order.
    inputs = dict(sorted(adapter.serving_inputs().items()))

    @tf.function(input_signature=list(inputs.values()))
    def serve(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        return adapter.serve(dict(zip(inputs, tensors, strict=True)))

    # Not the model itself: as Keras saves it, TensorFlow 1's loader, which `gcloud ai-platform local predict`
    # uses, doesn't find its variables again.
    servable = tf.Module()
    servable.model_variables = [variable.value for variable in adapter.network.variables]
    if folder.exists():
        shutil.rmtree(folder)
    signatures = {SIGNATURE: serve}
    if (other := adapter.other_request()) is not None:
        spec, columns_of = other
        other_serve = tf.function(lambda request: adapter.serve(columns_of(request)), input_signature=[spec])
        signatures = {SIGNATURE: other_serve, COLUMNS: serve}
    tf.saved_model.save(servable, str(folder), signatures=signatures)
    if adapter.labels:
        (folder / _LABELS).parent.mkdir()
        (folder / _LABELS).write_text(json.dumps(list(adapter.labels)) + "\n")


class ExportedModel:
    """A SavedModel, read from disk and called through its signature.

    Args:
        folder: of the SavedModel.
        inputs: what it has to take.
        field: how errors name it.

    Raises:
        InputError: there is no SavedModel with such a signature.
    """

    def __init__(self, folder: Path, *, inputs: Iterable[str] | None = None, field: str = "model") -> None:
        if not (folder / "saved_model.pb").is_file():
            raise InputError(field, expected="the folder of a SavedModel", received=str(folder))
        self.folder = folder
        # The signature lives only as long as the object that it was loaded with.
        self._loaded = tf.saved_model.load(str(folder))
        signatures = self._loaded.signatures
        if SIGNATURE not in signatures:
            raise InputError(f"signatures of {field}", expected=SIGNATURE, received=sorted(signatures))
        self._default = signatures[SIGNATURE]
        self._signature = signatures.get(COLUMNS, self._default)
        _, self._inputs = self._signature.structured_input_signature
        if inputs is not None and set(inputs) != set(self._inputs):
            raise InputError(
                f"inputs of {field}", expected=str(sorted(inputs)), received=sorted(self._inputs)
            )

    def predict(self, inputs: Mapping[str, Sequence[Any] | NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """What the model says of some instances.

        Args:
            inputs: a value of each instance, by the name of the input.

        Returns:
            The outputs in the order of their names, with the instances as their first dimension.

        Raises:
            InputError: an input is missing, unknown, or can't be made of these values.
        """
        if inputs.keys() != self._inputs.keys():
            raise InputError("instances", expected=str(sorted(self._inputs)), received=sorted(inputs))
        tensors = {}
        for name, values in inputs.items():
            dtype = self._inputs[name].dtype
            try:
                tensors[name] = tf.constant(values, dtype)
            except (TypeError, ValueError) as error:
                raise InputError(
                    f"instances.{name}", expected=dtype.name, received=str(values)[:80]
                ) from error
        return {name: output.numpy() for name, output in sorted(self._signature(**tensors).items())}

    def labels(self) -> tuple[str, ...] | None:
        """The classes in the order of the probabilities, or `None` where the export doesn't say."""
        path = self.folder / _LABELS
        return tuple(json.loads(path.read_text())) if path.is_file() else None

    def signature(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What it takes and gives by default: by name, with dtype and shape, as plain JSON values."""
        _, inputs = self._default.structured_input_signature
        return {"inputs": _described(inputs), "outputs": _described(self._default.structured_outputs)}

    def bytes(self) -> int:
        """The size of all files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def _described(specs: Mapping[str, tf.TensorSpec]) -> dict[str, dict[str, Any]]:
    return {
        name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
        for name, spec in sorted(specs.items())
    }


def ask(export: ExportedModel, records: Records, split: Split, *, batch_size: int) -> Predictions:
    """What an export says of every record of a split."""
    outputs, targets = [], []
    for batch in examples(records, split, batch_size=batch_size):
        outputs.append(export.predict(batch.inputs))
        targets.append(batch.targets)
    return Predictions(
        outputs={name: np.concatenate([output[name] for output in outputs]) for name in outputs[0]},
        targets=np.concatenate(targets),
        known_labels=export.labels(),
        source=str(export.folder),
    )


def predict_examples(export: ExportedModel, some: Examples) -> Predictions:
    """What an export says of some records."""
    return Predictions(outputs=export.predict(some.inputs), targets=some.targets)


def predictions(outputs: Mapping[str, NDArray[Any]]) -> list[Any]:
    """One plain JSON value for each instance: its outputs by name; a single output stands without its name.

    https://www.tensorflow.org/tfx/serving/api_rest#response_format_4
    """
    columns = {name: [json_value(value) for value in values] for name, values in outputs.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def json_value(value: Any) -> Any:
    """A numpy value, or bytes that are text, as a plain JSON value."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.float32):
        # The shortest text that means the same: 0.8, not 0.800000011920929.
        return float(str(value))
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        return [json_value(item) for item in value.tolist()]
    return value.tolist() if hasattr(value, "tolist") else value
