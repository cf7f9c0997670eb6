from __future__ import annotations

import dataclasses
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing import test_pipeline as beam_testing
from apache_beam.testing.util import assert_that, equal_to

from contract import DataContract
from contract.raw_data import IgnoredFile
from preprocessing.errors import SourceError, TooManyRejectedError
from preprocessing.formats import Conversion
from preprocessing.images import RawImage
from preprocessing.images.sources import image_source
from preprocessing.pipeline import (
    assign_shards,
    convert,
    count_shards,
    every_shard,
    group_by_shard,
    list_source,
    number_of_shards,
    without_chunks,
)
from preprocessing.sources import FileBatch

JpegOf = Callable[..., bytes]
ConversionOf = Callable[..., Conversion]
FolderBytes = Callable[[Path], dict[str, bytes]]


def _pipeline() -> Any:
    return beam_testing.TestPipeline(runner="FnApiRunner", options=PipelineOptions([]))


def _convert(conversion: Conversion) -> dict[str, Any]:
    with _pipeline() as pipeline:
        convert(pipeline, conversion)
    statistics: dict[str, Any] = json.loads((Path(conversion.output.uri) / "statistics.json").read_text())
    return statistics


def _names(batches: Iterable[FileBatch]) -> list[str]:
    return sorted(file.name for batch in batches for file in batch.chunks)


def test_list_source_lists_every_file_with_its_label(source: Path, contract: DataContract) -> None:
    with _pipeline() as pipeline:
        listed = list_source(pipeline, image_source(str(source), contract))
        names = listed | beam.FlatMap(lambda batch: [(file.name, file.label) for file in batch.chunks])
        expected = [(f"{label}/{index:02}.jpg", label) for label in ("daisy", "roses") for index in range(12)]
        assert_that(names, equal_to(expected))


@pytest.mark.parametrize(("given", "expected"), [(None, 3), (7, 7)])
def test_count_shards_goes_by_the_bytes_unless_given(given: int | None, expected: int) -> None:
    batches = [FileBatch(chunks=(RawImage(name, name, "daisy", 90 << 20),)) for name in "ab"] + [
        FileBatch(ignored=(IgnoredFile("a", "hidden"),))
    ]
    with _pipeline() as pipeline:
        listed = pipeline | beam.Create(batches)
        assert_that(count_shards(pipeline, listed, given, shard_bytes=64 << 20), equal_to([expected]))


def test_group_by_shard_names_every_shard_once_and_loses_nothing() -> None:
    files = tuple(RawImage(f"/{size}", f"{size}", "daisy", size) for size in range(1, 5))
    with _pipeline() as pipeline:
        listed = pipeline | "Listed" >> beam.Create(
            [FileBatch(chunks=files[:2]), FileBatch(chunks=files[2:])]
        )
        num_shards = pipeline | "Number" >> beam.Create([20])
        groups = group_by_shard(listed, num_shards)
        assert_that(groups | beam.Keys(), equal_to(range(20)), label="shards")
        names = groups | beam.Values() | beam.FlatMap(_names)
        assert_that(names, equal_to(["1", "2", "3", "4"]), label="files")


def test_convert_commits_a_dataset(conversion: Conversion) -> None:
    statistics = _convert(conversion)
    assert statistics["read"] == sum(statistics["records"].values()) == 24
    output = Path(conversion.output.uri)
    assert sorted(path.name for path in output.iterdir()) == [
        "dataset_info.json",
        "features.json",
        "flowers-train.tfrecord-00000-of-00002",
        "flowers-train.tfrecord-00001-of-00002",
        "flowers-validation.tfrecord-00000-of-00002",
        "flowers-validation.tfrecord-00001-of-00002",
        "ignored",
        "rejected",
        "statistics.json",
    ]
    written = DataContract.from_features_json((output / "features.json").read_text())
    assert written == conversion.contract


def test_convert_of_a_folder_with_bad_files_goes_through(
    conversion: Conversion, source: Path, jpeg_of: JpegOf
) -> None:
    _add_bad_files(source, jpeg_of)
    allowed = dataclasses.replace(conversion.contract, max_rejected_fraction=0.2)
    statistics = _convert(dataclasses.replace(conversion, contract=allowed))
    assert statistics["rejected"] == {"empty": 1, "not_an_image": 2, "truncated": 1, "unknown_label": 1}
    assert (statistics["read"], sum(statistics["records"].values())) == (29, 24)
    output = Path(conversion.output.uri)
    lines = [json.loads(line) for line in (output / "rejected/rejected.jsonl").read_text().splitlines()]
    assert [(line["uri"].removeprefix(f"{source}/"), line["reason"], line["detail"]) for line in lines] == [
        ("cactus/1.jpg", "unknown_label", "label 'cactus' is not in the contract"),
        ("daisy/cut.jpg", "truncated", lines[1]["detail"]),
        ("daisy/empty.jpg", "empty", "0 bytes"),
        ("roses/notes.txt", "not_an_image", "text"),
        ("roses/picture.jpg", "not_an_image", "GIF image"),
    ]
    assert (output / "dataset_info.json").exists()


def test_convert_above_the_allowed_fraction_fails_and_says_which(
    conversion: Conversion, source: Path, jpeg_of: JpegOf
) -> None:
    _add_bad_files(source, jpeg_of)
    with pytest.raises(TooManyRejectedError) as caught:
        _convert(conversion)
    message = str(caught.value)
    assert "5 of 29 files rejected (17.2%), allowed are 5.0%" in message
    assert "1 empty, 2 not_an_image, 1 truncated, 1 unknown_label" in message
    assert f"{source}/roses/picture.jpg: not_an_image (GIF image)" in message
    output = Path(conversion.output.uri)
    assert not (output / "dataset_info.json").exists()
    assert json.loads((output / "statistics.json").read_text())["rejected"]["not_an_image"] == 2
    assert len((output / "rejected/rejected.jsonl").read_text().splitlines()) == 5


def test_convert_of_a_csv_file_gives_the_same_records_as_the_folder(
    conversion: Conversion,
    source: Path,
    tmp_path: Path,
    conversion_of: ConversionOf,
    folder_bytes: FolderBytes,
) -> None:
    rows = sorted(source.glob("*/*.jpg"), reverse=True)
    csv_file = source / "all.csv"
    csv_file.write_text("".join(f"{path.relative_to(source)},{path.parent.name}\n" for path in rows))
    by_row = conversion_of(conversion.contract, csv_file, tmp_path / "by_row")
    _convert(conversion)
    _convert(by_row)
    folder, rows_folder = (folder_bytes(Path(each.output.uri)) for each in (conversion, by_row))
    for name in ("statistics.json", "ignored/ignored.jsonl"):  # one ignores the CSV file itself
        del folder[name], rows_folder[name]
    assert folder == rows_folder


def test_convert_again_after_a_broken_attempt_gives_identical_bytes(
    conversion: Conversion, folder_bytes: FolderBytes
) -> None:
    _convert(conversion)
    output = Path(conversion.output.uri)
    whole = folder_bytes(output)
    (output / "dataset_info.json").unlink()
    (output / "flowers-train.tfrecord-00001-of-00002").unlink()
    (output / "flowers-validation.tfrecord-00000-of-00002").write_bytes(b"from other settings")
    (output / "flowers-train.tfrecord-00000-of-00009").write_bytes(b"from another number of shards")
    (output / ".flowers-train.tfrecord-00001-of-00002.0123.tmp").write_bytes(b"half")
    _convert(conversion)
    assert folder_bytes(output) == whole


def test_convert_elsewhere_gives_identical_bytes(
    conversion: Conversion,
    source: Path,
    tmp_path: Path,
    conversion_of: ConversionOf,
    folder_bytes: FolderBytes,
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(source, moved)
    again = conversion_of(conversion.contract, moved, tmp_path / "again")
    _convert(conversion)
    with beam_testing.TestPipeline(
        options=PipelineOptions(["--runner=FnApiRunner", "--direct_num_workers=2"])
    ) as pipeline:
        convert(pipeline, again)
    assert folder_bytes(Path(again.output.uri)) == folder_bytes(Path(conversion.output.uri))


def test_convert_without_a_source_says_so(
    conversion: Conversion, tmp_path: Path, conversion_of: ConversionOf
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="expected a folder for each label"):
        _convert(conversion_of(conversion.contract, tmp_path / "empty", tmp_path / "output"))


def _add_bad_files(source: Path, jpeg_of: JpegOf) -> None:
    (source / "cactus").mkdir()
    (source / "cactus" / "1.jpg").write_bytes(jpeg_of(500))
    (source / "daisy" / "cut.jpg").write_bytes(jpeg_of(501)[:-50])
    (source / "daisy" / "empty.jpg").write_bytes(b"")
    (source / "roses" / "notes.txt").write_bytes(b"taken in May\n")
    (source / "roses" / "picture.jpg").write_bytes(b"GIF89a" + bytes(50))


def _file(name: str, size: int) -> RawImage:
    return RawImage(f"/source/{name}", name, "daisy", size)


def test_number_of_shards_is_at_least_one_and_rises_with_the_bytes() -> None:
    sizes = [0, 1, 100, 101, 1000]
    assert [number_of_shards(size, 100) for size in sizes] == [1, 1, 1, 2, 10]


def test_assign_shards_puts_equal_sizes_together() -> None:
    files = tuple(_file(f"{number}.jpg", 1000 + number % 50) for number in range(500))
    shard_of: dict[int, set[int]] = {}
    for shard, listed in assign_shards(FileBatch(chunks=files), 8):
        for file in listed.chunks:
            shard_of.setdefault(file.size, set()).add(shard)
    assert all(len(shards) == 1 for shards in shard_of.values())


def test_assign_shards_of_many_sizes_is_balanced() -> None:
    sizes = random.Random(0).sample(range(20_000, 80_000), 8000)
    files = tuple(_file(f"{size}.jpg", size) for size in sizes)
    counts = Counter(
        {shard: len(listed.chunks) for shard, listed in assign_shards(FileBatch(chunks=files), 8)}
    )
    assert len(counts) == 8
    assert all(850 < count < 1150 for count in counts.values())


def test_every_shard_is_named_once() -> None:
    assert [shard for shard, _ in every_shard(4)] == [0, 1, 2, 3]


def test_without_chunks_of_a_batch_of_files_is_nothing() -> None:
    assert list(without_chunks(FileBatch(chunks=(_file("a", 1),)))) == []
    ignored = (IgnoredFile("a", "hidden"),)
    assert list(without_chunks(FileBatch(chunks=(_file("a", 1),), ignored=ignored))) == [
        FileBatch(ignored=ignored)
    ]
