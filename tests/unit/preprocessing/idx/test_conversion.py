"""Whole conversions of IDX files."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image

from contract import ContractError, DataContract, FeatureSpec, SplitSpec, idx_features
from preprocessing.conversion import Conversion
from preprocessing.errors import SourceError
from preprocessing.formats import FORMATS
from preprocessing.output import OutputFolder
from preprocessing.pipeline import convert

RecordsOf = Callable[[Path], list[dict[str, Any]]]
CONTRACT = DataContract(
    name="digits",
    record_format="idx",
    features=idx_features(),
    split=SplitSpec(validation_percent=25, test_files=("t10k-*",)),
    max_rejected_fraction=1,
)
SHAPE = (4, 3)


def _images(count: int, seed: int = 0, *, announced: int | None = None) -> bytes:
    header = struct.pack(">IIII", 0x803, count if announced is None else announced, *SHAPE)
    return header + random.Random(seed).randbytes(count * SHAPE[0] * SHAPE[1])


def _labels(count: int, *, announced: int | None = None) -> bytes:
    return struct.pack(">II", 0x801, count if announced is None else announced) + bytes(
        index % 10 for index in range(count)
    )


def _write(folder: Path, stem: str, images: bytes, labels: bytes | None, *, compressed: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    for kind, data in (("images-idx3", images), ("labels-idx1", labels)):
        if data is not None:
            name = f"{stem}-{kind}-ubyte{'.gz' if compressed else ''}"
            (folder / name).write_bytes(gzip.compress(data) if compressed else data)


def _convert(tmp_path: Path, *, to: str = "output", contract: DataContract = CONTRACT) -> dict[str, Any]:
    conversion = Conversion(
        contract=contract,
        source=FORMATS["idx"].source(str(tmp_path / "source"), contract),
        output=OutputFolder(uri=str(tmp_path / to), dataset=contract.name),
        num_shards=2,
    )
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        convert(pipeline, conversion)
    statistics: dict[str, Any] = json.loads((tmp_path / to / "statistics.json").read_text())
    return statistics


@pytest.mark.parametrize("compressed", [False, True])
def test_conversion_writes_lossless_images(tmp_path: Path, records_of: RecordsOf, compressed: bool) -> None:
    train = _images(40)
    _write(tmp_path / "source", "train", train, _labels(40), compressed=compressed)
    _write(tmp_path / "source", "t10k", _images(5, 1), _labels(5), compressed=compressed)
    (tmp_path / "source" / "README.txt").write_text("where it is from")
    statistics = _convert(tmp_path)
    assert (statistics["read"], statistics["rejected"], statistics["ignored"]) == (45, {}, 1)
    assert statistics["records"]["test"] == 5
    assert statistics["image"]["height"] == {"min": 4, "max": 4, "mean": 4.0}
    for path in (tmp_path / "output").glob("*-t[!e]*.tfrecord-*"):
        for record in records_of(path):
            name, _, index = record.pop("image/filename").decode().partition(":")
            start = 16 + int(index) * 12
            with Image.open(io.BytesIO(record.pop("image/encoded")), formats=["PNG"]) as image:
                assert (image.mode, image.size, image.tobytes()) == ("L", (3, 4), train[start : start + 12])
            assert name == "train-images-idx3-ubyte"
            assert record == {
                "image/class/label": int(index) % 10 + 1,
                "image/height": 4,
                "image/width": 3,
                "image/channels": 1,
                "image/colorspace": b"Grayscale",
                "image/format": b"PNG",
            }


@pytest.mark.parametrize(
    ("images", "labels", "rejected", "records"),
    [
        (_images(10, announced=15), _labels(15), {"truncated": 5}, 10),
        (_images(10)[:-5], _labels(10), {"truncated": 1}, 9),
        (_images(10), _labels(7), {"unpaired": 3}, 7),
        (_images(7), _labels(10), {"unpaired": 3}, 7),
        (_images(10), _labels(6, announced=10), {"truncated": 4}, 6),
        (_images(10), _labels(9) + b"", {"unpaired": 1}, 9),
        (_images(2), struct.pack(">II", 0x801, 2) + b"\x03\x0b", {"unknown_label": 1}, 1),
    ],
)
def test_conversion_of_files_that_do_not_fit_counts_what_is_lost(
    tmp_path: Path, images: bytes, labels: bytes, rejected: dict[str, int], records: int
) -> None:
    _write(tmp_path / "source", "train", images, labels)
    statistics = _convert(tmp_path)
    assert statistics["rejected"] == rejected
    assert sum(statistics["records"].values()) == records
    assert statistics["read"] == records + sum(rejected.values())


@pytest.mark.parametrize(
    ("images", "labels", "reason"),
    [
        (b"\x89PNG and more bytes", _labels(3), "corrupt"),
        (b"", _labels(3), "empty"),
        (_images(3), b"\0\0", "truncated"),
        (_images(3), None, "unpaired"),
    ],
)
def test_conversion_of_a_file_that_is_none_rejects_it_and_keeps_the_others(
    tmp_path: Path, images: bytes, labels: bytes | None, reason: str
) -> None:
    _write(tmp_path / "source", "good", _images(20), _labels(20))
    _write(tmp_path / "source", "train", images, labels)
    statistics = _convert(tmp_path)
    assert statistics["rejected"] == {reason: 1}
    assert sum(statistics["records"].values()) == 20


def test_conversion_of_a_cut_gzip_file_keeps_what_is_whole(tmp_path: Path) -> None:
    _write(tmp_path / "source", "train", _images(500), _labels(500), compressed=True)
    path = tmp_path / "source/train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-2000])
    statistics = _convert(tmp_path)
    assert set(statistics["rejected"]) == {"truncated"}
    assert statistics["read"] == 500
    assert 200 < sum(statistics["records"].values()) < 500


def test_conversion_without_such_files_says_so(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(SourceError, match=r"expected files \*-images-idx3-ubyte"):
        _convert(tmp_path)


def test_check_refuses_what_such_images_do_not_have() -> None:
    other = FeatureSpec(name="image/colour", dtype="string")
    contract = DataContract(name="digits", record_format="idx", features=(*idx_features(), other))
    with pytest.raises(ContractError, match="image/colour"):
        FORMATS["idx"].check(contract)
