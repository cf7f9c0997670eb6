"""Predictions of a SavedModel through its signatures."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contract import ContractError
from contract.data_contract import IMAGE_INPUT
from contract.images import prepare_image
from contract.model_inputs import ModelInputs
from serving.batching import Outputs, Rows, concatenate, split
from serving.errors import InstanceError, ModelError, describe
from serving.graph import Graph
from serving.instances import Array, PixelLimits, columns
from serving.requests import PredictRequest
from serving.responses import predictions
from serving.signature import TensorSpec
from serving.warmup import distinct_rows, golden_instances, mixes_rows

SIGNATURE = "serving_default"

_log = logging.getLogger(__name__)


class Model:
    """Loaded signatures of a SavedModel; thread-safe."""

    def __init__(self, folder: Path, *, pixels: PixelLimits = PixelLimits()) -> None:  # noqa: B008 - frozen
        """Load the SavedModel of a folder, and warm it up.

        Raises:
            ModelError: it has no serving signature, or one whose inputs JSON can't represent.
        """
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        started = time.monotonic()
        import tensorflow as tf

        imported = time.monotonic()
        self._errors = tf.errors
        self._pixels = pixels
        # The signature alone holds no reference to the variables that it reads.
        self._loaded = tf.saved_model.load(str(folder))
        if SIGNATURE not in self._loaded.signatures:
            raise ModelError(
                "model.signatures", expected=SIGNATURE, received=f"{sorted(self._loaded.signatures)}"
            )
        self._signatures = {SIGNATURE: _Signature(tf, folder, self._loaded.signatures[SIGNATURE])}
        for name in sorted(self._loaded.signatures.keys() - {SIGNATURE}):
            try:
                self._signatures[name] = _Signature(tf, folder, self._loaded.signatures[name])
            except ModelError as error:
                _log.info("signature %s is not served: %s", name, error)
        loaded = time.monotonic()
        self._warm_up(folder)
        _log.info(
            "model ready: tensorflow %.1f s, load %.1f s, warm-up %.1f s; takes %s",
            imported - started,
            loaded - imported,
            time.monotonic() - loaded,
            {
                name: {spec.name: spec.describe() for spec in signature.inputs}
                for name, signature in self._signatures.items()
            },
        )

    @property
    def batched(self) -> dict[str, bool]:
        """Signatures by name: whether a batch may have rows of several requests."""
        return {name: signature.batched for name, signature in self._signatures.items()}

    def prepare(self, request: PredictRequest) -> Rows:
        """Return a request's rows as the graph takes them.

        Raises:
            InstanceError: there is no such signature, or an instance doesn't match it.
        """
        name = request.signature or SIGNATURE
        if name not in self._signatures:
            raise InstanceError(
                "signature_name", expected=f"one of {', '.join(self._signatures)}", received=describe(name)
            )
        signature = self._signatures[name]
        arrays = columns(signature.read(request.instances), signature.inputs)
        for spec in signature.inputs:
            if spec.kind == "string":
                self._pixels.check(arrays[spec.name], spec.name)
        if IMAGE_INPUT in arrays and arrays[IMAGE_INPUT].dtype == object:
            arrays[IMAGE_INPUT] = _prepared(arrays[IMAGE_INPUT])
        return Rows(signature=name, arrays=arrays, count=len(request.instances))

    def run(self, batch: Sequence[Rows]) -> list[Outputs | Exception]:
        """Return the outputs, or the error, of each request of a batch with one signature."""
        graph = self._signatures[batch[0].signature].graph
        if len(batch) == 1:
            return [self._alone(batch[0])]
        try:
            outputs = graph(concatenate(batch))
        except self._errors.InvalidArgumentError:
            return [self._alone(rows) for rows in batch]
        total = sum(rows.count for rows in batch)
        if any(array.ndim == 0 or len(array) != total for array in outputs.values()):
            return [self._alone(rows) for rows in batch]
        return list(split(outputs, batch))

    def predict(self, instances: Sequence[Any]) -> list[Any]:
        """Return one prediction per instance of a request of its own.

        Raises:
            InstanceError: an instance doesn't match the signature, or holds an image that can't be decoded.
            ModelError: the outputs have another number of rows.
            NotFiniteError: no row is finite.
        """
        (outputs,) = self.run([self.prepare(PredictRequest(instances=instances))])
        if isinstance(outputs, Exception):
            raise outputs
        return predictions(outputs, count=len(instances))

    def _alone(self, rows: Rows) -> Outputs | Exception:
        try:
            return self._signatures[rows.signature].graph(rows.arrays)
        except self._errors.InvalidArgumentError as error:
            index, reason = self._rejected(rows, error)
            return InstanceError(
                f"instances[{index}]" if index is not None else "instances",
                expected="what the model can read",
                received=reason,
            )
        except Exception as error:
            return error

    def _rejected(self, rows: Rows, error: Exception) -> tuple[int | None, str]:
        """Return the index of the instance that the graph rejects, found by calls one by one, and why."""
        if rows.count == 1:
            return 0, _reason(error)
        signature = self._signatures[rows.signature]
        if all(spec.batch is None for spec in signature.inputs):
            for index in range(rows.count):
                try:
                    signature.graph({name: array[index : index + 1] for name, array in rows.arrays.items()})
                except self._errors.InvalidArgumentError as alone:
                    return index, _reason(alone)
        return None, _reason(error)

    def _warm_up(self, folder: Path) -> None:
        """Send the golden requests, or examples, so that no first execution delays a request.

        A signature whose rows' answers depend on one another, or that can't be seen not to, gets no rows of
        several requests in a batch.
        """
        golden = golden_instances(folder)
        for name, signature in self._signatures.items():
            try:
                try:
                    rows = self.prepare(PredictRequest(instances=golden, signature=name)) if golden else None
                except InstanceError as error:  # of another signature's form
                    _log.info("signature %s takes no golden requests: %s", name, error)
                    rows = None
                rows = rows or Rows(
                    signature=name, arrays=signature.examples(), count=signature.example_count
                )
                outputs = signature.graph(rows.arrays)
                if not signature.graph.has_batch_dimension:
                    _log.info("signature %s: no batches of several requests: fixed batch size", name)
                elif not distinct_rows(rows):
                    _log.info("signature %s: no batches of several requests: no two distinct examples", name)
                elif mixes_rows(signature.graph, rows, outputs):
                    _log.warning("signature %s: no batches of several requests: it mixes rows", name)
                else:
                    signature.batched = True
            except self._errors.OpError as error:
                _log.warning("no warm-up of %s: the model rejects the example: %s", name, _reason(error))


class _Signature:
    """One signature: its inputs, its graph and how a table's instances become inputs."""

    def __init__(self, tf: Any, folder: Path, signature: Any) -> None:
        named = signature.structured_input_signature[1]
        self.inputs = tuple(TensorSpec.from_tensor(name, named[name]) for name in sorted(named))
        if not self.inputs:
            raise ModelError("model.signatures", expected="at least one input", received="none")
        self._table = _table_inputs(folder, self.inputs)
        self.graph = Graph(tf, signature, self.inputs)
        self.batched = False

    def read(self, instances: Sequence[Any]) -> Sequence[Any]:
        """Return a table's instances with the names and values of the signature, any others as they are."""
        if self._table is None:
            return instances
        try:
            return [self._table.read(item, f"instances[{index}]") for index, item in enumerate(instances)]
        except ContractError as error:
            raise InstanceError(
                error.field, expected=error.expected, received=describe(error.received)
            ) from error

    @property
    def example_count(self) -> int:
        """Number of examples: the fixed batch size, or two."""
        return next((spec.batch for spec in self.inputs if spec.batch is not None), 2)

    def examples(self) -> dict[str, Array]:
        """Return rows to warm the graph up with."""
        if self._table is not None:
            example = {item.tensor: item.example for item in self._table.inputs}
            return columns([example] * self.example_count, self.inputs)
        return {spec.name: spec.examples(self.example_count) for spec in self.inputs}


def _prepared(images: Array) -> Array:
    """Return image files, shape (n,), upright."""
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
