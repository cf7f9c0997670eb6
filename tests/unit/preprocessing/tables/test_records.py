"""Whole conversions of CSV files."""

from __future__ import annotations

import bz2
import csv
import dataclasses
import gzip
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract import CsvFormat, DataContract, DatasetStatistics, FeatureSpec, SplitSpec, key
from preprocessing.conversion_stats import LISTED_PER_REASON
from preprocessing.errors import SourceError, TooManyRejectedError
from preprocessing.formats import Conversion
from preprocessing.pipeline import write_shard
from preprocessing.tables import files

Converted = Callable[..., dict[str, Any]]
RecordsOf = Callable[[Path], list[dict[str, Any]]]
FolderBytes = Callable[[Path], dict[str, bytes]]


LABELS = ("low", "high")


def _rows(count: int, seed: int = 0) -> list[list[str]]:
    draw = random.Random(seed)
    return [
        [
            str(draw.randint(17, 90)),
            str(draw.randint(1, 80)),
            "7",
            f"city {draw.randint(1, 9)}",
            draw.choice(["low", "high"]),
        ]
        for _ in range(count)
    ]


def _write(path: Path, rows: list[list[str]]) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    with path.open("w", newline="") as lines:
        csv.writer(lines).writerows(rows)
    return path


def _records(output: Path, records_of: RecordsOf, split: str = "*") -> list[dict[str, Any]]:
    return [record for path in sorted(output.glob(f"*-{split}.tfrecord-*")) for record in records_of(path)]


def _rejected(output: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (output / "rejected/rejected.jsonl").read_text().splitlines()]


def test_conversion_writes_a_record_a_row(
    contract: DataContract, converted: Converted, tmp_path: Path, records_of: RecordsOf
) -> None:
    source = tmp_path / "people.csv"
    source.write_bytes(b'\xef\xbb\xbf39, 12.5,1,"Paris, France", low \r\n20,?,1,?,high\r\n\r\n')
    statistics = converted(contract, source)
    assert (statistics["read"], statistics["rejected"]) == (2, {})
    records = _records(tmp_path / "output", records_of)
    assert sorted(records, key=lambda record: record["age"]) == [
        {"age": 20.0, "hours": 40.0, "city": b"?", "income": 1},
        {"age": 39.0, "hours": 12.5, "city": b"Paris, France", "income": 0},
    ]


BAD = [
    (b"1,2,3,4", "column_count"),
    (b"word,1,1,x,low", "not_a_number"),
    (b"?,1,1,x,low", "missing_value"),
    (b"130,1,1,x,low", "out_of_range"),
    (b"30,1,1,x,middle", "unknown_label"),
    (b"30,1,1,a\0b,low", "nul_byte"),
    (b"30,1,1,caf\xe9,low", "not_utf8"),
    (b"30,1,1," + b"y" * (1 << 20) + b",low", "field_too_long"),
    (b'30,1,1,"open,low', "unterminated_quote"),
    (b'30,1,1,"a"b,low', "bad_quote"),
]


@pytest.mark.parametrize("compressed", [False, True])
def test_conversion_of_bad_rows_counts_and_explains_each_and_loses_no_other(
    contract: DataContract, converted: Converted, tmp_path: Path, compressed: bool, records_of: RecordsOf
) -> None:
    good = [",".join(row).encode() for row in _rows(400)]
    lines = list(good)
    for number, (bad, _) in enumerate(BAD):
        lines.insert(20 * number + 7, bad)
    data = b"\n".join(lines) + b"\n"
    source = tmp_path / ("people.csv.gz" if compressed else "people.csv")
    source.write_bytes(gzip.compress(data) if compressed else data)
    statistics = converted(contract, source, num_shards=3)
    assert statistics["rejected"] == dict.fromkeys(sorted(reason for _, reason in BAD), 1)
    assert sum(statistics["records"].values()) == len(good)
    assert statistics["read"] == len(lines)
    rejected = _rejected(tmp_path / "output")
    assert {item["uri"]: item["reason"] for item in rejected} == {
        f"{source}:{20 * number + 8}": reason for number, (_, reason) in enumerate(BAD)
    }
    assert all(len(item["detail"]) < 200 for item in rejected)


def test_conversion_counts_all_rejections_and_lists_the_first(
    contract: DataContract, converted: Converted, tmp_path: Path
) -> None:
    many = LISTED_PER_REASON + 500
    source = _write(tmp_path / "people.csv", [["word", "1", "1", "x", "low"]] * many + _rows(10))
    allowed = dataclasses.replace(contract, max_rejected_fraction=1)
    statistics = converted(allowed, source)
    assert statistics["rejected"] == {"not_a_number": many}
    assert statistics["rejected_listed"] == LISTED_PER_REASON
    with pytest.raises(
        TooManyRejectedError, match=f"{many} of {many + 10} rows rejected .* The first 1000: "
    ):
        converted(contract, source, to="other")


def test_conversion_of_any_number_of_shards_writes_the_same_records(
    contract: DataContract,
    converted: Converted,
    tmp_path: Path,
    records_of: RecordsOf,
    folder_bytes: FolderBytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "_LEAST_RANGE_BYTES", 5_000)
    _write(tmp_path / "source/b.csv", _rows(2000, 1))
    _write(tmp_path / "source/a/a.csv", _rows(3000, 2))
    (tmp_path / "source" / "README.txt").write_text("where it is from")
    one, four = (
        converted(contract, tmp_path / "source", num_shards=count, to=f"in{count}") for count in (1, 4)
    )
    again = converted(contract, tmp_path / "source", num_shards=4, to="again")
    assert again == four
    assert folder_bytes(tmp_path / "again") == folder_bytes(tmp_path / "in4")
    assert one["ignored"] == {"document": 1}
    del one["bytes"], four["bytes"]
    assert one == four
    for split in ("train", "validation"):
        assert _records(tmp_path / "in1", records_of, split) == _records(tmp_path / "in4", records_of, split)
    sizes = [path.stat().st_size for path in (tmp_path / "in4").glob("*-train.tfrecord-*")]
    assert len(sizes) == 4
    assert min(sizes) > 0


def test_conversion_keeps_statistics_of_the_training_split(
    contract: DataContract, converted: Converted, tmp_path: Path, records_of: RecordsOf
) -> None:
    rows = [*_rows(3000), *([["40", "?", "1", " ? ", "low"]] * 5)]
    converted(contract, _write(tmp_path / "people.csv", rows))
    statistics = DatasetStatistics.from_text((tmp_path / "output/statistics.json").read_text())
    train = _records(tmp_path / "output", records_of, "train")
    ages = sorted(record["age"] for record in train)
    age, city = statistics.numbers["age"], statistics.categories["city"]
    assert set(statistics.numbers) == {"age", "hours"}
    assert set(statistics.categories) == {"city"}
    assert statistics.records["train"] == age.count == city.count == len(train)
    assert age.mean == pytest.approx(sum(ages) / len(ages))
    assert (age.minimum, age.maximum, age.quantiles[50]) == (ages[0], ages[-1], ages[len(ages) // 2])
    assert statistics.numbers["hours"].missing == city.missing == city.counts.get("?", 0)
    assert sum(city.counts.values()) == len(train)
    assert sum(statistics.labels["train"].values()) == len(train)


def test_conversion_with_headers_finds_columns_in_any_order(
    contract: DataContract, converted: Converted, tmp_path: Path, records_of: RecordsOf
) -> None:
    by_header = dataclasses.replace(contract, csv=CsvFormat())
    _write(tmp_path / "source/a.csv", [["age", "hours", "city", "income"], ["30", "1", "x", "low"]])
    _write(
        tmp_path / "source/b.csv",
        [["more", " income ", "city", "age", "hours"], ["", "high", "y", "31", "2"]],
    )
    statistics = converted(by_header, tmp_path / "source")
    assert (statistics["read"], statistics["rejected"]) == (2, {})
    records = _records(tmp_path / "output", records_of)
    assert sorted(
        (record["age"], record["hours"], record["city"], record["income"]) for record in records
    ) == [
        (30.0, 1.0, b"x", 0),
        (31.0, 2.0, b"y", 1),
    ]
    _write(tmp_path / "source/c.csv", [["age", "hours", "town", "income"], ["30", "1", "x", "low"]])
    with pytest.raises(SourceError, match=r"c\.csv: expected one column 'city'"):
        converted(by_header, tmp_path / "source", to="other")


def test_conversion_of_a_header_where_columns_are_given_rejects_one_row(
    contract: DataContract, converted: Converted, tmp_path: Path
) -> None:
    source = _write(tmp_path / "people.csv", [["age", "hours", "weight", "city", "income"], *_rows(100)])
    assert converted(contract, source)["rejected"] == {"not_a_number": 1}


def test_conversion_splits_by_key_and_sets_test_files_apart(
    contract: DataContract, converted: Converted, tmp_path: Path, records_of: RecordsOf
) -> None:
    keyed = dataclasses.replace(
        contract,
        features=(*contract.features, key("weight")),
        split=SplitSpec(validation_percent=25, salt="s", test_files=("*.test.csv",)),
    )
    rows = [[*row[:2], str(index % 50), *row[3:]] for index, row in enumerate(_rows(1000))]
    _write(tmp_path / "source/a.csv", rows)
    _write(tmp_path / "source/a.test.csv", rows[:30])
    statistics = converted(keyed, tmp_path / "source")
    assert statistics["records"]["test"] == 30
    assert statistics["labels"]["test"]["low"] > 0
    for split in ("train", "validation"):
        keys = {record["weight"] for record in _records(tmp_path / "output", records_of, split)}
        assert keys == {
            str(number).encode()
            for number in range(50)
            if keyed.split.split_of(str(number).encode()) == split
        }
    info = json.loads((tmp_path / "output/dataset_info.json").read_text())
    assert [split["name"] for split in info["splits"]] == ["train", "validation", "test"]


@pytest.mark.parametrize(
    ("cut", "reason"),
    [(1000, "end-of-stream"), (6, "end-of-stream"), (None, "expected a gzip file, received 0 bytes")],
)
def test_conversion_of_a_cut_gzip_file_fails_and_names_it(
    contract: DataContract, converted: Converted, tmp_path: Path, cut: int | None, reason: str
) -> None:
    whole = gzip.compress(_write(tmp_path / "source/a.csv", _rows(5000)).read_bytes())
    (tmp_path / "source/b.csv.gz").write_bytes(whole[: -cut if cut else 0])
    with pytest.raises(SourceError, match=rf"source .*b\.csv\.gz: .*{reason}"):
        converted(contract, tmp_path / "source")
    assert not (tmp_path / "output/dataset_info.json").exists()


def _remove(path: Path) -> None:
    path.unlink()
    path.symlink_to("gone")


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_remove, "link to a file that does not exist"),
        (_loop, "link to a file that does not exist"),
        (lambda path: path.write_bytes(b""), "expected a header, received 0 bytes"),
    ],
)
def test_conversion_of_an_unreadable_file_fails_and_names_it(
    contract: DataContract,
    converted: Converted,
    tmp_path: Path,
    change: Callable[[Path], None],
    reason: str,
) -> None:
    header = ["age", "hours", "city", "income"]
    for name in ("a", "b"):
        rows = [[row[0], row[1], row[3], row[4]] for row in _rows(50)]
        _write(tmp_path / f"source/{name}.csv", [header, *rows])
    change(tmp_path / "source/b.csv")
    with pytest.raises(SourceError, match=rf"source .*b\.csv: .*{reason}"):
        converted(dataclasses.replace(contract, csv=CsvFormat()), tmp_path / "source")


@pytest.mark.parametrize(("size", "listed"), [(4000, 4001), (100, 4000), (300_000, 300_001)])
def test_conversion_of_a_file_that_ends_before_its_listed_size_fails_and_names_it(
    contract: DataContract, tmp_path: Path, conversion_of: Callable[..., Conversion], size: int, listed: int
) -> None:
    rows = b"30,1,1,city,low\n" * (size // 16 + 1)
    source = tmp_path / "people.csv"
    source.write_bytes(rows[:size])
    partition = files.TablePartition(
        uri=str(source), name="people.csv", size=listed, bytes_before=0, total_bytes=listed, contract=contract
    )
    conversion = conversion_of(contract, source, tmp_path / "output")

    def convert() -> None:
        for batch in partition.list_batches():
            write_shard(0, batch.chunks, conversion=conversion, num_shards=1)

    with pytest.raises(SourceError, match=rf"people\.csv: expected {listed} bytes .* received {size}"):
        convert()


@pytest.mark.parametrize(
    "name", ["license_plates.csv", "readme_events.csv", "Licence-fees.tsv", "README.csv"]
)
def test_conversion_of_data_named_like_a_document_takes_it(
    contract: DataContract, converted: Converted, tmp_path: Path, name: str
) -> None:
    _write(tmp_path / "source/a.csv", _rows(20))
    _write(tmp_path / "source" / name, _rows(10, 1))
    statistics = converted(contract, tmp_path / "source")
    assert (statistics["read"], statistics["ignored"]) == (30, {})


@pytest.mark.parametrize("name", ["README", "ReadMe.txt", "readme.md", "LICENSE", "licence.TXT", "made.json"])
def test_conversion_ignores_documents(
    contract: DataContract, converted: Converted, tmp_path: Path, name: str
) -> None:
    _write(tmp_path / "source/a.csv", _rows(20))
    (tmp_path / "source" / name).write_text("where it is from")
    statistics = converted(contract, tmp_path / "source")
    reason = "of another format" if name == "made.json" else "document"
    assert (statistics["read"], statistics["ignored"]) == (20, {reason: 1})


def test_conversion_of_an_empty_file_counts_it(
    contract: DataContract, converted: Converted, tmp_path: Path
) -> None:
    _write(tmp_path / "source/a.csv", _rows(100))
    (tmp_path / "source/b.csv").write_bytes(b"")
    assert converted(contract, tmp_path / "source")["rejected"] == {"empty": 1}


@pytest.mark.parametrize("name", ["gone.csv", "gone"])
def test_conversion_without_a_source_says_so(
    contract: DataContract, converted: Converted, tmp_path: Path, name: str
) -> None:
    with pytest.raises(SourceError, match=f"source .*{name}: "):
        converted(contract, tmp_path / name)


def test_conversion_of_numeric_labels_keeps_their_statistics(
    contract: DataContract, converted: Converted, tmp_path: Path
) -> None:
    label = FeatureSpec(name="hours", dtype="float32", role="label")
    regression = dataclasses.replace(contract, features=(contract.features[0], label, contract.features[2]))
    statistics = converted(regression, _write(tmp_path / "people.csv", _rows(100)))
    assert statistics["labels"] == {"train": {}, "validation": {}}
    assert statistics["numbers"]["hours"]["count"] == statistics["records"]["train"]


def _months(folder: Path, *months: int) -> Path:
    folder.mkdir()
    for month in months:
        rows = [f"{month},{row},1,town,low" for row in range(100)]
        (folder / f"people_2018-{month:02}.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.mark.parametrize("num_shards", [None, 3])
def test_months_are_validated_on_the_newest_and_trained_on_all_before(
    contract: DataContract,
    converted: Callable[..., dict[str, Any]],
    tmp_path: Path,
    num_shards: int | None,
) -> None:
    split = SplitSpec(partition="people_%Y-%m.csv")
    statistics = converted(
        dataclasses.replace(contract, split=split), _months(tmp_path / "raw", 1, 2, 3), num_shards=num_shards
    )
    assert statistics["records"] == {"train": 200, "validation": 100}
    ages = statistics["numbers"]["age"]
    assert (ages["minimum"], ages["maximum"]) == (1.0, 2.0)


def test_months_by_hash_or_a_single_month_are_split_by_hash(
    contract: DataContract, converted: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    split = SplitSpec(partition="people_%Y-%m.csv", by="hash", validation_percent=25)
    months = _months(tmp_path / "raw", 1, 2, 3)
    records = converted(dataclasses.replace(contract, split=split), months)["records"]
    assert 40 < records["validation"] < 110
    single = _months(tmp_path / "single", 1)
    records = converted(
        dataclasses.replace(contract, split=dataclasses.replace(split, by="auto")), single, to="one"
    )["records"]
    assert 10 < records["validation"] < 40


_ROWS = "".join(f"{row},40,1,town,low\n" for row in range(60))


@pytest.mark.parametrize(
    ("name", "content", "received"),
    [
        ("excel.txt", _ROWS.replace(",", "\t").encode("utf-16"), "UTF-16 text"),
        ("big_endian.csv", b"\xfe\xff" + _ROWS.encode("utf-16-be"), "UTF-16 text"),
        ("unmarked.csv", _ROWS.encode("utf-16-le"), "UTF-16 text without"),
        ("unmarked.csv", _ROWS.encode("utf-16-be"), "UTF-16 text without"),
        ("wide.csv", _ROWS.encode("utf-32"), "UTF-32 text"),
        ("people.csv", b"PK\x03\x04" + bytes(200), "a zip archive or an Excel workbook"),
        ("people.csv", gzip.compress(_ROWS.encode()), "gzip data"),
        ("people.csv", bz2.compress(_ROWS.encode()), "bzip2 data"),
        ("people.csv", lzma.compress(_ROWS.encode()), "xz data"),
        ("people.csv", b"PAR1" + bytes(200), "a Parquet file"),
        ("people.csv.gz", gzip.compress(_ROWS.encode("utf-16")), "UTF-16 text"),
        ("people.csv.gz", b"PK\x03\x04" + bytes(200), "expected gzip data, as its name says"),
        ("people.csv.gz", _ROWS.encode(), "expected gzip data, as its name says"),
    ],
)
def test_file_in_another_encoding_or_compression_than_it_says_is_named_with_what_it_is(
    contract: DataContract,
    converted: Callable[..., dict[str, Any]],
    tmp_path: Path,
    name: str,
    content: bytes,
    received: str,
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / name).write_bytes(content)
    with pytest.raises(SourceError, match=rf"{name}: .*{received}"):
        converted(contract, tmp_path / "raw")


@pytest.mark.parametrize("cut", [3, 8])
def test_conversion_of_a_table_that_was_cut_within_a_row_fails_and_names_it(
    contract: DataContract, converted: Converted, tmp_path: Path, cut: int
) -> None:
    path = _write(tmp_path / "people.csv", _rows(2000))
    text = path.read_text()
    last = text.rstrip("\n").rfind("\n")
    path.write_text(text[: last + cut])
    with pytest.raises(SourceError, match=r"people\.csv: ends within row 2000"):
        converted(contract, path)


def test_conversion_of_a_table_in_windows_1252_says_what_its_bytes_are(
    contract: DataContract, converted: Converted, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_bytes("39,40,1,Köln,low\n".encode("cp1252") * 20)
    with pytest.raises(TooManyRejectedError, match=r"20 not_utf8.*byte 0xf6, 'ö' in Windows-1252"):
        converted(contract, tmp_path / "people.csv")
