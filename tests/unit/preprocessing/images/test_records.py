from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract import DataContract
from preprocessing.conversion_stats import ShardFile, ShardStats
from preprocessing.formats import Conversion
from preprocessing.images import ImageStats, RawImage, SizeRange
from preprocessing.images.records import record_values
from preprocessing.images.validation import validate_image
from preprocessing.pipeline import write_shard

JpegOf = Callable[..., bytes]
RecordsOf = Callable[[Path], list[dict[str, Any]]]


class Shard:
    """Raw files, and what becomes of them as the only shard."""

    def __init__(self, conversion: Conversion, records_of: RecordsOf) -> None:
        self.conversion = conversion
        self.files: list[RawImage] = []
        self._folder = Path(conversion.source.uri)
        self._output = Path(conversion.output.uri)
        self._records_of = records_of

    def add(self, name: str, data: bytes, *, label: str | None = None) -> None:
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        self.files.append(RawImage(str(path), name, label or name.split("/", maxsplit=1)[0], len(data)))

    def write(self) -> ShardStats:
        return write_shard(0, self.files, conversion=self.conversion, num_shards=1)

    def records(self) -> list[dict[str, Any]]:
        return [
            record
            for split in ("train", "validation")
            for record in self._records_of(self._output / f"flowers-{split}.tfrecord-00000-of-00001")
        ]


@pytest.fixture
def shard(conversion: Conversion, records_of: RecordsOf) -> Shard:
    return Shard(conversion, records_of)


def test_write_shard_writes_the_imagenet_keys(shard: Shard, jpeg_of: JpegOf) -> None:
    data = jpeg_of(7)
    shard.add("roses/deep.jpg", data)
    stats = shard.write()
    assert shard.records() == [
        {
            "image/channels": 3,
            "image/class/label": 2,
            "image/class/synset": b"roses",
            "image/colorspace": b"RGB",
            "image/encoded": data,
            "image/filename": b"roses/deep.jpg",
            "image/format": b"JPEG",
            "image/height": 16,
            "image/width": 24,
        }
    ]
    assert stats.read == 1
    assert stats.features == ImageStats(height=SizeRange(1, 16, 16, 16), width=SizeRange(1, 24, 24, 24))


def test_write_shard_counts_what_the_files_hold(shard: Shard, jpeg_of: JpegOf) -> None:
    for number in range(40):
        shard.add(f"{'daisy' if number % 4 else 'roses'}/{number}.jpg", jpeg_of(number))
    stats = shard.write()
    assert sum(file.records for file in stats.files.values()) == 40
    output = Path(shard.conversion.output.uri)
    for split, file in stats.files.items():
        path = output / f"flowers-{split}.tfrecord-00000-of-00001"
        assert file.bytes == path.stat().st_size
        assert stats.labels[split].total() == file.records
    assert sum(labels["roses"] for labels in stats.labels.values()) == 10


def test_write_shard_keeps_duplicates_once_by_the_first_name(shard: Shard, jpeg_of: JpegOf) -> None:
    for name in ("daisy/c.jpg", "daisy/a.jpg", "daisy/b.jpg"):
        shard.add(name, jpeg_of())
    stats = shard.write()
    assert (stats.read, stats.duplicates, stats.rejected.listed) == (3, 2, [])
    assert [record["image/filename"] for record in shard.records()] == [b"daisy/a.jpg"]


def test_write_shard_rejects_all_files_with_conflicting_labels(shard: Shard, jpeg_of: JpegOf) -> None:
    for name in ("daisy/a.jpg", "roses/a.jpg", "roses/b.jpg"):
        shard.add(name, jpeg_of())
    stats = shard.write()
    assert shard.records() == []
    assert [item.reason for item in stats.rejected.listed] == ["conflicting_labels"] * 3
    assert stats.duplicates == 0
    assert "daisy and roses: daisy/a.jpg, roses/a.jpg, roses/b.jpg" in stats.rejected.listed[0].detail


def test_write_shard_reports_every_kind_of_bad_file(shard: Shard, jpeg_of: JpegOf) -> None:
    shard.add("daisy/good.jpg", jpeg_of())
    shard.add("daisy/cut.jpg", jpeg_of()[:-30])
    shard.add("daisy/empty.jpg", b"")
    shard.add("daisy/notes.txt", b"some notes")
    shard.add("daisy/copy of notes.txt", b"some notes")
    shard.add("cactus/1.jpg", jpeg_of(1))
    stats = shard.write()
    reasons = sorted((item.uri.rsplit("/", 1)[1], item.reason) for item in stats.rejected.listed)
    assert reasons == [
        ("1.jpg", "unknown_label"),
        ("copy of notes.txt", "not_an_image"),
        ("cut.jpg", "truncated"),
        ("empty.jpg", "empty"),
        ("notes.txt", "not_an_image"),
    ]
    assert stats.read == 6
    assert sum(file.records for file in stats.files.values()) == 1


def test_write_shard_takes_grayscale_and_converts_cmyk(shard: Shard, jpeg_of: JpegOf) -> None:
    shard.add("daisy/grey.jpg", jpeg_of(mode="L"))
    shard.add("daisy/print.jpg", jpeg_of(mode="CMYK"))
    stats = shard.write()
    assert dict(stats.converted) == {"cmyk": 1}
    encoded = {record["image/filename"]: record["image/encoded"] for record in shard.records()}
    assert encoded[b"daisy/grey.jpg"] == jpeg_of(mode="L")
    assert encoded[b"daisy/print.jpg"] != jpeg_of(mode="CMYK")


def test_write_shard_of_a_strict_contract_decodes(
    conversion: Conversion, contract: DataContract, records_of: RecordsOf, jpeg_of: JpegOf
) -> None:
    data = jpeg_of(size=(64, 64))
    strict = dataclasses.replace(conversion, contract=dataclasses.replace(contract, strict=True))
    shard = Shard(strict, records_of)
    shard.add("daisy/broken.jpg", data[: len(data) // 2] + b"\xff\xd9")
    assert [item.reason for item in shard.write().rejected.listed] == ["corrupt"]


def test_write_shard_without_chunks_writes_empty_files(shard: Shard) -> None:
    assert dict(shard.write().files) == {"train": ShardFile(0, 0), "validation": ShardFile(0, 0)}
    assert shard.records() == []


def test_write_shard_splits_by_content_not_by_name(
    conversion: Conversion, records_of: RecordsOf, jpeg_of: JpegOf, tmp_path: Path
) -> None:
    splits = []
    for prefix in ("daisy/a", "daisy/zz"):
        output = dataclasses.replace(conversion.output, uri=str(tmp_path / prefix.replace("/", "-")))
        shard = Shard(dataclasses.replace(conversion, output=output), records_of)
        for number in range(60):
            shard.add(f"{prefix}{number}.jpg", jpeg_of(number))
        random.Random(3).shuffle(shard.files)
        stats = shard.write()
        assert 5 < stats.files["validation"].records < 25
        splits.append(
            [
                record["image/encoded"]
                for record in records_of(Path(output.uri) / "flowers-validation.tfrecord-00000-of-00001")
            ]
        )
    assert splits[0] == splits[1]


def test_record_values_have_every_feature_of_the_contract(contract: DataContract, jpeg_of: JpegOf) -> None:
    image = validate_image(jpeg_of(), strict=False)
    values = record_values(image, label="daisy", label_name=contract.label.name, filename="daisy/1.jpg")
    assert set(values) == {feature.name for feature in contract.features}
