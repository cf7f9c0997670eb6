"""Input specs of a SavedModel's serving signature: name, dtype and shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from serving.errors import ModelError

Kind = Literal["string", "float", "integer", "boolean"]


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """Spec of one input of a signature.

    Attributes:
        name: name of the input.
        kind: type of its JSON values.
        dtype: dtype of the array; strings are arrays of `bytes` objects.
        batch: fixed batch size of the graph; `None` for any.
        shape: dimensions of one instance, without the batch; `None` for any size.
    """

    name: str
    kind: Kind
    dtype: npt.DTypeLike
    batch: int | None
    shape: tuple[int | None, ...]

    @classmethod
    def from_tensor(cls, name: str, tensor: Any) -> TensorSpec:
        """Return the spec of a `tf.TensorSpec`.

        Raises:
            ModelError: the tensor has no batch dimension, or a dtype that JSON can't represent.
        """
        if tensor.shape.rank is None or tensor.shape.rank == 0:
            raise ModelError(
                f"signature.inputs[{name}]", expected="a batch dimension", received=f"shape {tensor.shape}"
            )
        kind = _kind(tensor.dtype)
        if kind is None:
            raise ModelError(
                f"signature.inputs[{name}]",
                expected="strings, floats, integers or booleans",
                received=tensor.dtype.name,
            )
        batch, *shape = tensor.shape.as_list()
        dtype = object if kind == "string" else tensor.dtype.as_numpy_dtype
        return cls(name=name, kind=kind, dtype=dtype, batch=batch, shape=tuple(shape))

    def describe(self) -> str:
        """Describe a valid value of one instance for an error message."""
        article = "an" if self.kind == "integer" else "a"
        if not self.shape:
            return f"{article} {self.kind}"
        return f"{self.kind}s of shape [{', '.join('any' if n is None else str(n) for n in self.shape)}]"

    def examples(self, count: int) -> npt.NDArray[Any]:
        """Return a batch to warm the graph up with: row numbers, or one-pixel JPEGs for strings."""
        shape = (count, *(n or 1 for n in self.shape))
        if self.kind == "string":
            return np.full(shape, ONE_PIXEL_JPEG, dtype=object)
        numbers = np.arange(count).reshape(-1, *(1 for _ in self.shape))
        return np.broadcast_to(numbers, shape).astype(self.dtype)


def _kind(dtype: Any) -> Kind | None:
    if dtype.name == "string":
        return "string"
    if dtype.is_floating:
        return "float"
    if dtype.is_bool:
        return "boolean"
    return "integer" if dtype.is_integer else None


ONE_PIXEL_JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300100b0c0e0c0a100e0d0e1211101318281a181616183123"
    "251d283a333d3c3933383740485c4e404457453738506d51575f626768673e4d71797064785c656763ffc0000b080001"
    "000101011100ffc40014000100000000000000000000000000000000ffc4001410010000000000000000000000000000"
    "0000ffda0008010100003f003fffd9"
)
