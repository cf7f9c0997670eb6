"""Export of a trained model as a SavedModel, and predictions through the signature of such an export."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.artifacts import Signature
from contract.model_inputs import ModelInputs
from trainer.adapter import ModelAdapter
from trainer.errors import InputError
from trainer.examples import Examples, Predictions, read_examples
from trainer.records import Records, Split

SIGNATURE = "serving_default"
COLUMNS = "columns"
# TensorFlow leaves this folder of a SavedModel to its users.
_LABELS = Path("assets.extra", "labels.json")


def save_model(adapter: ModelAdapter, folder: Path) -> None:
    """Write a SavedModel with the preprocessing inside; replace the folder if there is one.

    Its signature `serving_default` has the inputs and outputs that the adapter serves. Where the adapter has
    an alternative form of request, `serving_default` takes that, and the signature `columns` the usual one.
    The classes, if there are any, are beside the graph, in `assets.extra/labels.json`, and so are a table's
    inputs with the names that requests use (`contract.model_inputs`).
    """
    # TensorFlow sorts the inputs of a signature by name, and calls the function with them in that order.
    inputs = dict(sorted(adapter.serving_inputs().items(), key=lambda item: str(item[1].name)))

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
    if (alternative := adapter.alternative_request()) is not None:
        spec, to_columns = alternative
        serve_alternative = tf.function(
            lambda request: adapter.serve(to_columns(request)), input_signature=[spec]
        )
        signatures = {SIGNATURE: serve_alternative, COLUMNS: serve}
    tf.saved_model.save(servable, str(folder), signatures=signatures)
    if adapter.labels:
        (folder / _LABELS).parent.mkdir(exist_ok=True)
        (folder / _LABELS).write_text(json.dumps(list(adapter.labels)) + "\n")
    if (read := adapter.model_inputs()) is not None:
        (folder / ModelInputs.FILENAME).parent.mkdir(exist_ok=True)
        (folder / ModelInputs.FILENAME).write_text(read.to_text())


class ExportedModel:
    """A SavedModel, read from disk and called through its signature.

    Args:
        folder: of the SavedModel.
        inputs: names of the inputs that it must have; any by default.
        field: name of the model in errors.

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
        _, tensors = self._signature.structured_input_signature
        self.model_inputs = _read_inputs(folder)
        self._tensors = {name: name for name in tensors}
        if self.model_inputs is not None:
            self._tensors = {name: item.tensor for name, item in self.model_inputs.by_name.items()}
        self._specs = {name: tensors[tensor] for name, tensor in self._tensors.items()}
        if inputs is not None and set(inputs) != set(self._specs):
            raise InputError(f"inputs of {field}", expected=str(sorted(inputs)), received=sorted(self._specs))

    def predict(self, inputs: Mapping[str, Sequence[Any] | NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the predictions for some instances.

        Args:
            inputs: one value for each instance, by the name of the input.

        Returns:
            The outputs in the order of their names, with the instances as their first dimension.

        Raises:
            InputError: an input is missing or unknown, or its values are of the wrong type.
        """
        if inputs.keys() != self._specs.keys():
            raise InputError("instances", expected=str(sorted(self._specs)), received=sorted(inputs))
        tensors = {}
        for name, values in inputs.items():
            dtype = self._specs[name].dtype
            try:
                tensors[self._tensors[name]] = tf.constant(values, dtype)
            except (TypeError, ValueError) as error:
                raise InputError(
                    f"instances.{name}", expected=dtype.name, received=str(values)[:80]
                ) from error
        return {name: output.numpy() for name, output in sorted(self._signature(**tensors).items())}

    def predict_split(
        self, records: Records, split: Split, *, batch_size: int, columns: Sequence[str] = ()
    ) -> Predictions:
        """Return the predictions for every record of a split, with the values of some inputs."""
        outputs, targets = [], []
        kept: dict[str, list[NDArray[Any]]] = {name: [] for name in columns}
        for batch in read_examples(records, split, batch_size=batch_size):
            outputs.append(self.predict(batch.inputs))
            targets.append(batch.targets)
            for name, values in kept.items():
                values.append(batch.inputs[name])
        return Predictions(
            outputs={name: np.concatenate([output[name] for output in outputs]) for name in outputs[0]},
            targets=np.concatenate(targets),
            known_labels=self.labels(),
            source=str(self.folder),
            columns={name: np.concatenate(values) for name, values in kept.items()},
        )

    def predict_examples(self, examples: Examples) -> Predictions:
        """Return the predictions for some examples."""
        return Predictions(outputs=self.predict(examples.inputs), targets=examples.targets)

    def labels(self) -> tuple[str, ...] | None:
        """Return the classes in the order of the probabilities, or `None` where the export has no list."""
        path = self.folder / _LABELS
        return tuple(json.loads(path.read_text())) if path.is_file() else None

    def signature(self) -> Signature:
        """Return the default signature: inputs and outputs by name, with dtype and shape."""
        inputs = self._specs
        if self._default is not self._signature:
            _, inputs = self._default.structured_input_signature
        return Signature(inputs=_described(inputs), outputs=_described(self._default.structured_outputs))

    def bytes(self) -> int:
        """Return the size of all files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def _read_inputs(folder: Path) -> ModelInputs | None:
    path = folder / ModelInputs.FILENAME
    return ModelInputs.from_text(path.read_text()) if path.is_file() else None


def _described(specs: Mapping[str, tf.TensorSpec]) -> dict[str, dict[str, Any]]:
    return {
        name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
        for name, spec in sorted(specs.items())
    }
