"""Call of a serving signature with arrays, with as few tensors as its inputs allow.

Each tensor that enters or leaves a graph costs more than a small model takes to compute. So scalar inputs of
one type enter as one tensor, which a function around the signature takes apart again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving.instances import Array
from serving.signature import TensorSpec


class Graph:
    """Callable signature of a loaded SavedModel; thread-safe."""

    def __init__(self, tf: Any, signature: Any, inputs: Sequence[TensorSpec]) -> None:
        """Trace a function around a signature.

        Args:
            tf: the module `tensorflow`, whose import takes seconds.
            signature: a function of the SavedModel's `signatures`.
            inputs: specs of its inputs.
        """
        self._tf = tf
        self._groups = _groups(inputs)

        def call(*tensors: Any) -> Any:
            arguments: dict[str, Any] = {}
            for group, tensor in zip(self._groups, tensors, strict=True):
                parts = [tensor] if len(group) == 1 else tf.unstack(tensor, num=len(group))
                arguments.update(zip((spec.name for spec in group), parts, strict=True))
            return signature(**arguments)

        specs = [tf.TensorSpec(_shape(group), self._dtype(group[0])) for group in self._groups]
        self._function = tf.function(call, input_signature=specs, autograph=False).get_concrete_function()
        shapes = [tensor.shape for tensor in signature.structured_outputs.values()]
        self.has_batch_dimension = all(spec.batch is None for spec in inputs) and all(
            shape.rank is None or (shape.rank > 0 and shape[0] is None) for shape in shapes
        )
        """True if every input and output may have any number of rows."""

    def __call__(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs for arrays by input name.

        Raises:
            tf.errors.OpError: the graph rejects a value.
        """
        tensors = []
        for group in self._groups:
            columns = [arrays[spec.name] for spec in group]
            array = columns[0] if len(columns) == 1 else np.stack(columns)
            tensors.append(self._tf.constant(array, self._dtype(group[0])))
        return {name: tensor.numpy() for name, tensor in self._function(*tensors).items()}

    def _dtype(self, spec: TensorSpec) -> Any:
        return self._tf.string if spec.kind == "string" else self._tf.as_dtype(spec.dtype)


def _groups(inputs: Sequence[TensorSpec]) -> list[list[TensorSpec]]:
    groups: dict[object, list[TensorSpec]] = {}
    for spec in inputs:
        key = spec.name if spec.shape else (spec.kind, np.dtype(spec.dtype), spec.batch)
        groups.setdefault(key, []).append(spec)
    return list(groups.values())


def _shape(group: Sequence[TensorSpec]) -> list[int | None]:
    rows = [group[0].batch, *group[0].shape]
    return rows if len(group) == 1 else [len(group), *rows]
