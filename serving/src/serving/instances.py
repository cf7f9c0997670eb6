"""Conversion of the instances of a request to one array per input of the model.

An instance is an object of named inputs, or the bare value where the model has one input. `{"b64": "..."}`
represents bytes anywhere in it. https://cloud.google.com/vertex-ai/docs/predictions/get-online-predictions

The pixels of images are bounded by what their headers say, before anything is decoded.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.images import MAX_PIXELS, ImageError, read_image_header
from serving.errors import InstanceError, describe
from serving.signature import Kind, TensorSpec

Array = npt.NDArray[Any]

# numpy kinds of arrays of JSON values that convert to an input's dtype without a change of meaning.
_ACCEPTED: dict[Kind, str] = {"float": "fiu", "integer": "iu", "boolean": "b", "string": "O"}


def columns(instances: Sequence[Any], inputs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Return one array per input, with the batch as its first dimension.

    Args:
        instances: objects of named inputs, or bare values where there is one input.
        inputs: specs of the model's inputs.

    Raises:
        InstanceError: an instance lacks an input, has one that is unknown, or a value doesn't fit.
    """
    values = [_named(instance, inputs, f"instances[{index}]") for index, instance in enumerate(instances)]
    return {spec.name: _column([value[spec.name] for value in values], spec) for spec in inputs}


def _named(instance: object, inputs: Sequence[TensorSpec], where: str) -> dict[str, Any]:
    names = {spec.name for spec in inputs}
    if not isinstance(instance, dict) or instance.keys() == {"b64"} != names:
        if len(inputs) != 1:
            raise InstanceError(
                where, expected=f"an object with {', '.join(sorted(names))}", received=describe(instance)
            )
        return {inputs[0].name: instance}
    for spec in inputs:
        if spec.name not in instance:
            raise InstanceError(f"{where}.{spec.name}", expected=spec.describe(), received="nothing")
    unknown = sorted(instance.keys() - names)
    if unknown:
        raise InstanceError(
            f"{where}.{unknown[0]}", expected=f"only {', '.join(sorted(names))}", received=describe(unknown)
        )
    return instance


def _column(values: list[Any], spec: TensorSpec) -> Array:
    many = len(values) > 1
    if spec.batch is not None and spec.batch != len(values):
        raise InstanceError("instances", expected=f"{spec.batch} instances", received=str(len(values)))
    if not spec.shape and (plain := _plain_column(values, spec)) is not None:
        return plain
    arrays = [_array(value, spec, _path(index, spec)) for index, value in enumerate(values)]
    if many and None in spec.shape:
        for index, array in enumerate(arrays):
            if array.shape != arrays[0].shape:
                raise InstanceError(
                    _path(index, spec),
                    expected=f"the shape of the first instance, {list(arrays[0].shape)}",
                    received=f"shape {list(array.shape)}",
                )
    return np.stack(arrays)


def _plain_column(values: list[Any], spec: TensorSpec) -> Array | None:
    """Return a column of plain texts or floats, which most are, at once; None for any other."""
    if spec.kind == "string":
        try:
            return np.array([value.encode() for value in values], dtype=object)
        except (AttributeError, UnicodeEncodeError):
            return None
    if spec.kind == "float" and all(type(value) is float and value == value for value in values):  # noqa: PLR0124
        return np.array(values).astype(spec.dtype)
    return None


def _path(index: int, spec: TensorSpec) -> str:
    return f"instances[{index}].{spec.name}"


def _array(value: Any, spec: TensorSpec, where: str) -> Array:
    """Convert one instance of an input to the dtype and shape of the signature."""
    array = _strings(value, where) if spec.kind == "string" else _numbers(value, spec, where)
    fits = array.ndim == len(spec.shape) and all(
        expected in (None, received) for expected, received in zip(spec.shape, array.shape, strict=True)
    )
    if not fits:
        received = f"shape {list(array.shape)}" if array.ndim else describe(value)
        raise InstanceError(where, expected=spec.describe(), received=received)
    return array


def _strings(value: Any, where: str) -> Array:
    array = np.array(_bytes(value, where), dtype=object)
    for item in array.flat:
        if not isinstance(item, bytes):
            raise InstanceError(
                where, expected='strings or {"b64": ...}, in lists of equal length', received=describe(value)
            )
    return array


def _bytes(value: Any, where: str) -> Any:
    """Convert text and `{"b64": ...}` to bytes, in the same nested lists."""
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise InstanceError(where, expected="Unicode text", received=describe(value)) from error
    if isinstance(value, list):
        return [_bytes(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict) or value.keys() != {"b64"} or not isinstance(value["b64"], str):
        raise InstanceError(where, expected='a string or {"b64": "..."}', received=describe(value))
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InstanceError(
            f"{where}.b64", expected="base64", received=f"{describe(value['b64'])}: {error}"
        ) from error


def _numbers(value: Any, spec: TensorSpec, where: str) -> Array:
    try:
        array = np.array(value)
    except (ValueError, OverflowError):
        raise InstanceError(
            where, expected=f"{spec.describe()}, in lists of equal length", received=describe(value)
        ) from None
    if array.dtype.kind not in _ACCEPTED[spec.kind]:
        raise InstanceError(where, expected=spec.describe(), received=describe(value))
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise InstanceError(where, expected=spec.describe(), received="NaN")
    if spec.kind == "integer" and array.size:
        limits = np.iinfo(np.dtype(spec.dtype))
        if int(array.min()) < limits.min or int(array.max()) > limits.max:
            raise InstanceError(
                where, expected=f"integers from {limits.min} to {limits.max}", received=describe(value)
            )
    return array.astype(spec.dtype)


@dataclass(frozen=True, kw_only=True)
class PixelLimits:
    """Most pixels that a request makes the server decode.

    Attributes:
        image: of one image.
        request: of all images of a request together.
    """

    image: int = MAX_PIXELS
    request: int = 4 * MAX_PIXELS

    def check(self, column: Array, name: str) -> None:
        """Refuse images with more pixels; strings that are no images pass.

        Raises:
            InstanceError: an image, or all of them, have more.
        """
        total = 0
        for index, row in enumerate(column):
            for value in row.flat if column.ndim > 1 else (row,):
                try:
                    header = read_image_header(value)
                except ImageError:
                    continue  # the graph tells what is wrong with it
                if header is None:
                    continue
                pixels = header.height * header.width
                total += pixels
                received = f"{header.height} by {header.width} pixels"
                if pixels > self.image:
                    raise InstanceError(
                        f"instances[{index}].{name}",
                        expected=f"an image of at most {self.image:,} pixels",
                        received=received,
                    )
                if total > self.request:
                    raise InstanceError(
                        f"instances[{index}].{name}",
                        expected=f"at most {self.request:,} pixels in all images of a request",
                        received=f"{total:,} up to this one",
                    )
