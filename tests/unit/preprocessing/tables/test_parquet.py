from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contract import CsvFormat, DataContract, category, class_label, number, timestamp
from preprocessing.errors import SourceError
from preprocessing.tables.parquet import ParquetSource, _slices, _texts

Converted = Callable[..., dict[str, Any]]
FolderBytes = Callable[[Path], dict[str, bytes]]

CONTRACT = DataContract(
    name="people",
    record_format="parquet",
    max_rejected_fraction=0.5,
    features=(
        number("age", minimum=0, maximum=120),
        number("größe", default=1.5),
        category("city", default="?"),
        timestamp("born", timezone="Europe/Berlin"),
        class_label("income", ("low", "high")),
    ),
)
ROWS = [
    {
        "age": index % 100 if index % 50 else 500,
        "größe": None if index % 7 == 0 else math.nan if index % 11 == 0 else index / 8,
        "city": None if index % 5 == 0 else f"caf\u00e9 {index % 3}",
        "born": datetime(2000, 1, 1 + index % 28, 12, tzinfo=UTC),
        "income": ("low", "high")[index % 2],
        "extra": [index],
    }
    for index in range(1000)
]


def written(folder: Path) -> Path:
    folder.mkdir()
    table = pa.Table.from_pylist(ROWS)
    # Of no feature, and so never read.
    table = table.append_column("uuid", pa.array([b"\xff" * 16] * len(ROWS), pa.binary(16)))
    table = table.set_column(2, "city", table["city"].dictionary_encode())
    pq.write_table(table.slice(0, 600), folder / "a.parquet", row_group_size=100)
    pq.write_table(table.slice(600), folder / "b.parquet")
    (folder / "_SUCCESS").touch()
    return folder


def test_conversion_of_parquet_gives_the_records_of_the_same_rows_as_csv(
    converted: Converted, tmp_path: Path, folder_bytes: FolderBytes
) -> None:
    statistics = converted(CONTRACT, written(tmp_path / "parquet"), num_shards=1)
    assert statistics["read"] == len(ROWS)
    assert statistics["rejected"] == {"out_of_range": 20}
    assert statistics["ignored"] == {"of another format": 1}
    (tmp_path / "csv").mkdir()
    for name, rows in (("a", ROWS[:600]), ("b", ROWS[600:])):
        with (tmp_path / "csv" / f"{name}.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(ROWS[0]))
            writer.writeheader()
            writer.writerows(rows)
    as_csv = replace(CONTRACT, record_format="csv", csv=CsvFormat())
    converted(as_csv, tmp_path / "csv", num_shards=1, to="from_csv")
    one, other = (
        {name: content for name, content in folder_bytes(tmp_path / to).items() if "tfrecord" in name}
        for to in ("output", "from_csv")
    )
    assert one == other


def test_conversion_of_parquet_is_the_same_with_any_number_of_shards(
    converted: Converted, tmp_path: Path
) -> None:
    source = written(tmp_path / "source")
    one, three = (converted(CONTRACT, source, num_shards=count, to=f"in{count}") for count in (1, 3))
    del one["bytes"], three["bytes"]
    assert one == three


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", r"b\.parquet: expected a Parquet file"),
        (b"", r"b\.parquet: expected a Parquet file"),
        (None, r"b\.parquet: expected one column 'age'"),
    ],
)
def test_parquet_file_that_is_none_or_lacks_a_column_fails_and_is_named(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    source = written(tmp_path / "source")
    if content is None:
        pq.write_table(pa.table({"age": [[1]], "income": ["low"]}), source / "b.parquet")
    else:
        (source / "b.parquet").write_bytes(content)
    _, damaged, _ = ParquetSource(str(source), CONTRACT).partitions()
    with pytest.raises(SourceError, match=message):
        list(damaged.list_batches())


def test_parquet_file_that_is_damaged_within_fails_the_conversion(
    converted: Converted, tmp_path: Path
) -> None:
    source = written(tmp_path / "source")
    data = bytearray((source / "a.parquet").read_bytes())
    data[100:2000] = bytes(1900)
    (source / "a.parquet").write_bytes(bytes(data))
    with pytest.raises(SourceError, match=r"a\.parquet"):
        converted(CONTRACT, source)


def test_parquet_text_that_is_no_utf8_fails_and_names_the_file(converted: Converted, tmp_path: Path) -> None:
    source = written(tmp_path / "source")
    table = pq.read_table(source / "b.parquet")
    index = table.schema.get_field_index("income")
    table = table.set_column(index, "income", pa.array([b"\xff"] * len(table), pa.binary()))
    pq.write_table(table, source / "b.parquet")
    with pytest.raises(SourceError, match=r"b\.parquet"):
        converted(CONTRACT, source)


def test_batches_of_large_values_are_divided() -> None:
    batch = pa.record_batch({"a": ["x" * 40_000] * 5000, "b": list(range(5000))})
    slices = list(_slices(batch))
    assert sum(found.num_rows for found in slices) == 5000
    assert len(slices) == 3 or len(slices) == 4
    assert list(_slices(pa.record_batch({"a": [1, 2]}))) == [pa.record_batch({"a": [1, 2]})]


def test_string_column_that_is_no_utf8_is_refused() -> None:
    offsets, content = pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"\xff\xfe")
    damaged = pa.Array.from_buffers(pa.string(), 1, [None, offsets, content])
    with pytest.raises(pa.ArrowInvalid):
        _texts(damaged)
