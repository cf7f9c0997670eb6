"""Predictions of a SavedModel through its serving signature."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contract import ContractError
from contract.data_contract import IMAGE_INPUT
from contract.images import prepare_image
from contract.model_inputs import ModelInputs
from contract.predictions import prediction_rows
from serving.errors import InstanceError, ModelError, describe
from serving.instances import Array, columns
from serving.signature import TensorSpec

SIGNATURE = "serving_default"

_log = logging.getLogger(__name__)


class Model:
    """Loaded serving signature of a SavedModel; thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Load the SavedModel of a folder.

        Raises:
            ModelError: it has no serving signature, or one whose inputs JSON can't represent.
        """
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        started = time.monotonic()
        import tensorflow as tf

        imported = time.monotonic()
        self._tf = tf
        # The signature alone holds no reference to the variables that it reads.
        self._loaded = tf.saved_model.load(str(folder))
        signatures = self._loaded.signatures
        if SIGNATURE not in signatures:
            raise ModelError("model.signatures", expected=SIGNATURE, received=f"{sorted(signatures)}")
        self._graph = signatures[SIGNATURE]
        named = self._graph.structured_input_signature[1]
        self.inputs = tuple(TensorSpec.from_tensor(name, named[name]) for name in sorted(named))
        self._table = _table_inputs(folder, self.inputs)
        if not self.inputs:
            raise ModelError("model.signatures", expected="at least one input", received="none")
        loaded = time.monotonic()
        self._warm_up()
        _log.info(
            "model ready: tensorflow %.1f s, load %.1f s, first call %.1f s; takes %s",
            imported - started,
            loaded - imported,
            time.monotonic() - loaded,
            {spec.name: spec.describe() for spec in self.inputs},
        )

    def predict(self, instances: Sequence[Any]) -> list[Any]:
        """Return one prediction per instance.

        Raises:
            InstanceError: an instance doesn't match the signature, or holds an image that can't be decoded.
            ModelError: the outputs can't be represented in JSON.
        """
        arrays = columns(self._read(instances), self.inputs)
        if IMAGE_INPUT in arrays:
            arrays[IMAGE_INPUT] = _prepared(arrays[IMAGE_INPUT])
        try:
            outputs = self._call(arrays)
        except self._tf.errors.InvalidArgumentError as error:
            index, reason = self._rejected(arrays, len(instances), error)
            raise InstanceError(
                f"instances[{index}]" if index is not None else "instances",
                expected="what the model can read",
                received=reason,
            ) from error
        return predictions(outputs, count=len(instances))

    def _read(self, instances: Sequence[Any]) -> Sequence[Any]:
        """Return a table's instances with the names and values of the signature, any others as they are."""
        if self._table is None:
            return instances
        try:
            return [self._table.read(item, f"instances[{index}]") for index, item in enumerate(instances)]
        except ContractError as error:
            raise InstanceError(
                error.field, expected=error.expected, received=describe(error.received)
            ) from error

    def _call(self, arrays: dict[str, Any]) -> dict[str, Any]:
        tensors = {spec.name: self._tensor(arrays[spec.name], spec) for spec in self.inputs}
        return {name: tensor.numpy() for name, tensor in self._graph(**tensors).items()}

    def _tensor(self, array: Any, spec: TensorSpec) -> Any:
        return self._tf.constant(array, self._tf.string if spec.kind == "string" else spec.dtype)

    def _rejected(self, arrays: dict[str, Any], count: int, error: Exception) -> tuple[int | None, str]:
        """Return the index of the instance that the graph rejects, found by calls one by one, and why."""
        if count == 1:
            return 0, _reason(error)
        if all(spec.batch is None for spec in self.inputs):
            for index in range(count):
                try:
                    self._call({name: array[index : index + 1] for name, array in arrays.items()})
                except self._tf.errors.InvalidArgumentError as alone:
                    return index, _reason(alone)
        return None, _reason(error)

    def _warm_up(self) -> None:
        """Call the graph once, so that its first execution delays no request."""
        try:
            if self._table is not None:
                example = {item.tensor: item.example for item in self._table.inputs}
                self._call(columns([example], self.inputs))
            else:
                self._call({spec.name: spec.example() for spec in self.inputs})
        except self._tf.errors.OpError as error:
            _log.warning("no warm-up: the model rejects the example: %s", _reason(error))


def _prepared(images: Array) -> Array:
    """Return image files, shape (n,), upright and within the bound on pixels."""
    try:
        files = [
            prepare_image(file, f"instances[{index}].{IMAGE_INPUT}") for index, file in enumerate(images)
        ]
    except ContractError as error:
        raise InstanceError(error.field, expected=error.expected, received=str(error.received)) from error
    return np.array(files, dtype=object)


def _table_inputs(folder: Path, inputs: Sequence[TensorSpec]) -> ModelInputs | None:
    """Return the inputs of a table's model, unless its requests are of another form, a CSV row for instance.

    Raises:
        ModelError: the file beside the graph can't be read.
    """
    path = folder / ModelInputs.FILENAME
    if not path.is_file():
        return None
    try:
        table = ModelInputs.from_text(path.read_text(encoding="utf-8"))
    except ContractError as error:
        raise ModelError(error.field, expected=error.expected, received=describe(error.received)) from error
    return table if {item.tensor for item in table.inputs} == {spec.name for spec in inputs} else None


_NOT_THE_MESSAGE = re.compile(
    r"^(Graph execution error:?|<stack traces .*|Detected at node .*|\d+ (root error|successful).*)?$"
)


def _reason(error: Exception) -> str:
    """Return the message of a TensorFlow error, without the names of graph nodes around it."""
    for line in str(error).splitlines():
        sentence = re.sub(r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:.*?\]|^\s*\(\d+\) [A-Z_]+:", "", line).strip()
        if not _NOT_THE_MESSAGE.match(sentence):
            return sentence[:300]
    return type(error).__name__


def predictions(outputs: Mapping[str, Array], *, count: int) -> list[Any]:
    """Return one prediction per instance in JSON values: an object, or the bare value of the only output.

    Args:
        outputs: arrays with the batch as their first dimension.
        count: number of instances.

    Raises:
        ModelError: an output has another batch size, or a number that JSON can't represent.
    """
    return prediction_rows({name: _values(name, array, count) for name, array in outputs.items()})


def _values(name: str, array: Array, count: int) -> list[Any]:
    if array.ndim == 0 or len(array) != count:
        raise ModelError(
            f"outputs[{name}]", expected=f"{count} rows", received=f"shape {list(array.shape)} from the model"
        )
    # Python, and so JSON, has neither bfloat16 nor half precision; bytes are objects.
    plain = array if array.dtype.kind in "biuO" else array.astype(np.float64)
    if plain.dtype.kind == "f" and not np.isfinite(plain).all():
        index = int(np.argwhere(~np.isfinite(plain))[0][0])
        raise ModelError(
            f"outputs[{name}]",
            expected="finite numbers",
            received=f"NaN or infinity from the model for instance {index}",
        )
    values: list[Any] = plain.tolist()
    return values
