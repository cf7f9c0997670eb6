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
from preprocessing.errors import SourceError
from preprocessing.formats import FORMATS, Conversion
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
    assert (statistics["read"], statistics["rejected"], statistics["ignored"]) == (45, {}, {"document": 1})
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
        (_images(10), _labels(7), {"unpaired": 3}, 7),
        (_images(7), _labels(10), {"unpaired": 3}, 7),
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


def test_conversion_of_a_file_without_its_partner_fails_and_names_it(tmp_path: Path) -> None:
    _write(tmp_path / "source", "good", _images(20), _labels(20))
    _write(tmp_path / "source", "train", _images(3), None)
    with pytest.raises(SourceError, match="train-images-idx3-ubyte: expected labels-idx1-ubyte of this name"):
        _convert(tmp_path)


@pytest.mark.parametrize(
    ("images", "labels", "reason"),
    [
        (_images(10, announced=15), _labels(15), "images-.*expected 12 bytes of image 10, received 0"),
        (_images(10)[:-5], _labels(10), "images-.*expected 12 bytes of image 9, received 7"),
        (_images(10), _labels(6, announced=10), "labels-.*expected 1 bytes of label 6, received 0"),
        (
            b"\x89PNG and more bytes",
            _labels(3),
            "images-.*expected the magic number 00000803, received 89504e47",
        ),
        (b"", _labels(3), "images-.*expected 16 bytes of a header, received 0"),
        (_images(3), b"\0\0", "labels-.*expected 8 bytes of a header, received 2"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_conversion_of_a_truncated_file_fails_and_names_it(
    tmp_path: Path, images: bytes, labels: bytes, reason: str, compressed: bool
) -> None:
    _write(tmp_path / "source", "good", _images(20), _labels(20))
    _write(tmp_path / "source", "train", images, labels, compressed=compressed)
    with pytest.raises(SourceError, match=rf"source .*/source/train-{reason}"):
        _convert(tmp_path)
    assert not (tmp_path / "output/dataset_info.json").exists()


@pytest.mark.parametrize("cut", [2000, 20, 6])
@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_conversion_of_a_cut_gzip_file_fails_and_names_it(tmp_path: Path, kind: str, cut: int) -> None:
    _write(tmp_path / "source", "train", _images(500), _labels(500), compressed=True)
    path = tmp_path / f"source/train-{kind}-ubyte.gz"
    path.write_bytes(path.read_bytes()[: -min(cut, path.stat().st_size // 2)])
    with pytest.raises(SourceError, match=rf"source {path}: .*end-of-stream"):
        _convert(tmp_path)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("gone", "No such file or directory"),
        ("train-images-idx3-ubyte", "Too many levels of symbolic links"),
        # Reading it at its beginning is an I/O error.
        ("/proc/self/mem", "Input/output error"),
    ],
)
@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux")
def test_conversion_of_a_file_that_can_not_be_opened_fails_and_names_it(
    tmp_path: Path, target: str, reason: str
) -> None:
    _write(tmp_path / "source", "train", _images(5), _labels(5))
    path = tmp_path / "source/train-images-idx3-ubyte"
    path.unlink()
    path.symlink_to(target)
    with pytest.raises(SourceError, match=f"source {path}: {reason}"):
        _convert(tmp_path)


def test_conversion_without_such_files_says_so(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(SourceError, match=r"expected files \*-images-idx3-ubyte"):
        _convert(tmp_path)


def test_check_refuses_what_such_images_do_not_have() -> None:
    other = FeatureSpec(name="image/colour", dtype="string")
    contract = DataContract(name="digits", record_format="idx", features=(*idx_features(), other))
    with pytest.raises(ContractError, match="image/colour"):
        FORMATS["idx"].check(contract)
