from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contract import DataContract, SplitSpec, image_features
from preprocessing.example_serialization import Example
from preprocessing.formats import FORMATS, Conversion
from preprocessing.output import OutputFolder

LABELS = ("daisy", "roses")


def jpeg(seed: int = 0, *, mode: str = "RGB", size: tuple[int, int] = (24, 16), **options: object) -> bytes:
    """A small JPEG; each seed has other bytes."""
    pixels = random.Random(seed).randbytes(size[0] * size[1] * len(Image.new(mode, (1, 1)).getbands()))
    encoded = io.BytesIO()
    Image.frombytes(mode, size, pixels).save(encoded, "JPEG", **options)
    return encoded.getvalue()


@pytest.fixture
def contract() -> DataContract:
    return DataContract(
        name="flowers",
        record_format="image",
        features=image_features(LABELS),
        split=SplitSpec(validation_percent=25),
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with 12 JPEGs of each label."""
    folder = tmp_path / "source"
    for number, label in enumerate(LABELS):
        (folder / label).mkdir(parents=True)
        for index in range(12):
            (folder / label / f"{index:02}.jpg").write_bytes(jpeg(100 * number + index))
    return folder


@pytest.fixture
def conversion(contract: DataContract, source: Path, tmp_path: Path) -> Conversion:
    return make_conversion(contract, source, tmp_path / "output")


def make_conversion(
    contract: DataContract, source: Path, output: Path, *, num_shards: int | None = 2
) -> Conversion:
    return Conversion(
        contract=contract,
        source=FORMATS[contract.record_format].source(str(source), contract),
        output=OutputFolder(uri=str(output), dataset=contract.name),
        num_shards=num_shards,
    )


def records(path: Path) -> list[dict[str, Any]]:
    """The records of a TFRecord file as plain values; its checksums are TensorFlow's business (test_tfds)."""
    data = path.read_bytes()
    found, position = [], 0
    while position < len(data):
        (length,) = struct.unpack_from("<Q", data, position)
        example = Example.FromString(data[position + 12 : position + 12 + length])
        found.append({name: _value(feature) for name, feature in example.features.feature.items()})
        position += length + 16
    return found


def _value(feature: Any) -> Any:
    kind = feature.WhichOneof("kind")
    (value,) = getattr(feature, kind).value
    return value


@pytest.fixture
def conversion_of() -> Callable[..., Conversion]:
    return make_conversion


@pytest.fixture
def jpeg_of() -> Callable[..., bytes]:
    return jpeg


@pytest.fixture
def records_of() -> Callable[[Path], list[dict[str, Any]]]:
    return records


@pytest.fixture
def folder_bytes() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder."""

    def read(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }

    return read
