"""Learning curves, out of TensorBoard's event files and without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LENGTH = struct.Struct("<Q")
_CHECKSUM_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One figure over the steps of a training.

    Attributes:
        side: what it was measured on, `train` for instance.
        steps: ascending.
        values: one for each step.
    """

    side: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


def curves(files: Iterable[bytes]) -> Mapping[str, list[Curve]]:
    """The curves of a training, by the name of the figure.

    Where a training was taken up again, what came later counts.

    Args:
        files: whole event files, the oldest first; the last record may still be under way.
    """
    points: dict[tuple[str, str], dict[int, float]] = {}
    for file in files:
        for tag, step, value in _scalars(file):
            side, _, name = tag.rpartition("/")
            points.setdefault((name, side), {})[step] = value
    found: dict[str, list[Curve]] = {}
    for (name, side), values in points.items():
        steps = sorted(values)
        curve = Curve(side=side, steps=tuple(steps), values=tuple(values[step] for step in steps))
        found.setdefault(name, []).append(curve)
    return found


def _scalars(file: bytes) -> Iterator[tuple[str, int, float]]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.util.tensor_util import make_ndarray

    for record in _records(file):
        event: Any = Event.FromString(record)
        for value in event.summary.value:
            if _is_scalar(value):
                yield value.tag, event.step, float(make_ndarray(value.tensor))


def _is_scalar(value: Any) -> bool:
    """Whether it is one number, not a picture: only the first record of a tag names its plugin."""
    return bool(value.HasField("tensor") and not value.tensor.tensor_shape.dim and value.tensor.dtype == 1)


def _records(file: bytes) -> Iterator[bytes]:
    """The records of a TFRecord file: length, its checksum, data, its checksum.

    https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
    """
    start = 0
    while start + _LENGTH.size <= len(file):
        (length,) = _LENGTH.unpack_from(file, start)
        begin = start + _LENGTH.size + _CHECKSUM_BYTES
        start = begin + length + _CHECKSUM_BYTES
        if start > len(file):
            return
        yield file[begin : begin + length]
