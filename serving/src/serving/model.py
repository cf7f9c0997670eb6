"""A SavedModel that answers instances through its serving signature."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from serving.errors import InstanceError, ModelError
from serving.instances import columns
from serving.rows import rows
from serving.signature import TensorSpec

SIGNATURE = "serving_default"

_log = logging.getLogger(__name__)


class Model:
    """The serving signature of a SavedModel. Several threads may predict at the same time."""

    def __init__(self, folder: Path) -> None:
        """Load the SavedModel of a folder.

        Raises:
            ModelError: it has no serving signature, or one that JSON instances can't be given to.
        """
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        started = time.monotonic()
        import tensorflow as tf

        imported = time.monotonic()
        self._tf = tf
        # The signature alone does not keep the variables alive that it reads.
        self._loaded = tf.saved_model.load(str(folder))
        signatures = self._loaded.signatures
        if SIGNATURE not in signatures:
            raise ModelError("model.signatures", expected=SIGNATURE, received=f"{sorted(signatures)}")
        self._graph = signatures[SIGNATURE]
        named = self._graph.structured_input_signature[1]
        self.inputs = tuple(TensorSpec.from_tensor(name, named[name]) for name in sorted(named))
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
        """One prediction per instance.

        Raises:
            InstanceError: an instance is not what the model takes, or holds an image that it can't decode.
            ModelError: the model answered with something that JSON can't hold.
        """
        arrays = columns(instances, self.inputs)
        try:
            outputs = self._call(arrays)
        except self._tf.errors.InvalidArgumentError as error:
            index, reason = self._culprit(arrays, len(instances), error)
            raise InstanceError(
                f"instances[{index}]" if index is not None else "instances",
                expected="what the model can read",
                received=reason,
            ) from error
        return rows(outputs, count=len(instances))

    def _call(self, arrays: dict[str, Any]) -> dict[str, Any]:
        tensors = {spec.name: self._tensor(arrays[spec.name], spec) for spec in self.inputs}
        return {name: tensor.numpy() for name, tensor in self._graph(**tensors).items()}

    def _tensor(self, array: Any, spec: TensorSpec) -> Any:
        return self._tf.constant(array, self._tf.string if spec.kind == "string" else spec.dtype)

    def _culprit(self, arrays: dict[str, Any], count: int, error: Exception) -> tuple[int | None, str]:
        """Which instance the graph refuses: it names none, so they are given to it one by one."""
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
        """Call the graph once, so that no request pays for its first execution."""
        try:
            self._call({spec.name: spec.example() for spec in self.inputs})
        except self._tf.errors.OpError as error:
            _log.warning("no warm-up: the model does not take the example: %s", _reason(error))


_AROUND_THE_REASON = re.compile(
    r"^(Graph execution error:?|<stack traces .*|Detected at node .*|\d+ (root error|successful).*)?$"
)


def _reason(error: Exception) -> str:
    """The sentence in an error of TensorFlow, without the names of graph nodes around it."""
    for line in str(error).splitlines():
        sentence = re.sub(r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:.*?\]|^\s*\(\d+\) [A-Z_]+:", "", line).strip()
        if not _AROUND_THE_REASON.match(sentence):
            return sentence[:300]
    return type(error).__name__
