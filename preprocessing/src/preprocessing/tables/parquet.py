"""Parquet files as a format: their values become the texts that a CSV file would hold, and follow its rules.

https://parquet.apache.org/docs/file-format/
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract import DataContract
from contract.raw_data import OTHER_FORMAT, IgnoredFile, ignored_reason
from contract.values import normal_text
from preprocessing.conversion_stats import ShardStats
from preprocessing.errors import SourceError
from preprocessing.output import ShardFiles
from preprocessing.sources import (
    BROKEN_LINK,
    FileBatch,
    NonDataFiles,
    Source,
    SourcePartition,
    in_batches,
    source_position,
)
from preprocessing.stores import UnreadableError, open_store
from preprocessing.tables import TableFile
from preprocessing.tables.records import TableFormat, TableWriter
from preprocessing.tables.rows import Rows

_ENDING = ".parquet"
_BATCH_ROWS = 8192
_BATCH_BYTES = 64 << 20
_GROUP_BYTES = 32 << 20


@dataclass(frozen=True, kw_only=True)
class RowGroups:
    """Some row groups of a file.

    Attributes:
        file: the file.
        first: index of the first row group.
        count: number of row groups.
        line: number of the first row, from 1.
        size: their share of the file, bytes.
        position: position in the source (`source_position`).
    """

    file: TableFile
    first: int
    count: int
    line: int
    size: int
    position: int

    @property
    def uri(self) -> str:
        """URI of the file."""
        return self.file.uri

    @property
    def name(self) -> str:
        """Path of the file in the source."""
        return self.file.name

    def shard_of(self, num_shards: int) -> int:
        """Return the index of its shard: shards divide the source in the order of names and row groups."""
        return self.position * num_shards >> 32


@dataclass(frozen=True)
class ParquetSource:
    """Parquet files in the order of their names.

    Attributes:
        uri: a file, a folder or a `gs://` prefix, without a slash at the end.
        contract: the features that there must be columns for.
    """

    uri: str
    contract: DataContract

    def partitions(self) -> Iterator[SourcePartition]:
        """Yield one for each file, and one for the files that are no raw data.

        Raises:
            SourceError: there is no file, or one is a broken link.
        """
        if self.uri.lower().endswith(_ENDING):
            yield self._partition(self.uri, self.uri.rsplit("/", 1)[-1], _size(self.uri), 0, _size(self.uri))
            return
        found = open_store(self.uri).files(self.uri, recursive=True)
        entries = sorted(found, key=lambda entry: entry.name.encode())
        reasons = {
            entry.name: ignored_reason(entry.name, self.contract)
            or (None if entry.name.lower().endswith(_ENDING) else OTHER_FORMAT)
            for entry in entries
        }
        data = [entry for entry in entries if reasons[entry.name] is None]
        if not data:
            raise SourceError(f"source {self.uri}: expected Parquet files, found none")
        total, before = sum(entry.size or 0 for entry in data), 0
        for entry in data:
            uri = f"{self.uri}/{entry.name}"
            if entry.size is None:
                raise SourceError(f"source {uri}: {BROKEN_LINK}")
            yield self._partition(uri, entry.name, entry.size, before, total)
            before += entry.size
        ignored = (IgnoredFile(f"{self.uri}/{name}", reason) for name, reason in reasons.items() if reason)
        yield NonDataFiles(FileBatch(ignored=tuple(ignored)))

    def _partition(self, uri: str, name: str, size: int, before: int, total: int) -> ParquetPartition:
        return ParquetPartition(
            uri=uri, name=name, size=size, bytes_before=before, total_bytes=total, contract=self.contract
        )


def _size(uri: str) -> int:
    try:
        return open_store(uri).size(uri)
    except UnreadableError as error:
        raise SourceError(f"source {uri}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class ParquetPartition:
    """A file whose row groups are yet to be listed.

    Attributes:
        uri: URI of the file.
        name: path in the source.
        size: bytes.
        bytes_before: size of the files with smaller names.
        total_bytes: size of the source.
        contract: the features that there must be columns for.
    """

    uri: str
    name: str
    size: int
    bytes_before: int
    total_bytes: int
    contract: DataContract

    def list_batches(self) -> Iterator[FileBatch]:
        """Yield its row groups, about 32 MiB together.

        Raises:
            SourceError: it is no Parquet file, or has a column twice, not at all, or of nested values.
        """
        with open_parquet(self.uri) as opened:
            schema = opened.schema_arrow
            columns = tuple(map(normal_text, schema.names))
            for feature in self.contract.features:
                if columns.count(feature.name) != 1 or pa.types.is_nested(
                    schema.field(columns.index(feature.name)).type
                ):
                    raise SourceError(
                        f"source {self.uri}: expected one column {feature.name!r} of plain values, received"
                        f" {', '.join(columns)[:200]!r}"
                    )
            rows = [opened.metadata.row_group(index).num_rows for index in range(opened.num_row_groups)]
        wanted = tuple(feature.name for feature in self.contract.features)
        file = TableFile(uri=self.uri, name=self.name, columns=wanted, has_header=False)
        for batch in in_batches(self._groups(file, rows)):
            yield FileBatch(chunks=batch)

    def _groups(self, file: TableFile, rows: Sequence[int]) -> Iterator[RowGroups]:
        total = max(sum(rows), 1)
        together = max(1, len(rows) * _GROUP_BYTES // max(self.size, 1))
        for first in range(0, len(rows), together):
            before, here = sum(rows[:first]), sum(rows[first : first + together])
            position = self.bytes_before + self.size * before // total
            yield RowGroups(
                file=file,
                first=first,
                count=len(rows[first : first + together]),
                line=before + 1,
                size=self.size * here // total,
                position=source_position(position, self.total_bytes),
            )


class ParquetFormat(TableFormat):
    """A Parquet file, or a folder of them: a record for each row."""

    def source(self, uri: str, contract: DataContract) -> Source:
        """Return the files at a path or `gs://` URI."""
        return ParquetSource(uri.rstrip("/"), contract)

    def write_records(
        self,
        chunks: Sequence[Any],
        files: ShardFiles,
        *,
        contract: DataContract,
        source: Source,  # noqa: ARG002 - each chunk knows its file
        num_shards: int,
    ) -> ShardStats:
        """Write the rows of a shard in the order of file names and rows."""
        writer = TableWriter(files, contract, num_shards=num_shards)
        for chunk in sorted(chunks, key=lambda chunk: (chunk.name.encode(), chunk.first)):
            for rows in read_rows(chunk):
                writer.write_rows(rows, chunk.file)
        return writer.finish()


def read_rows(chunk: RowGroups) -> Iterator[Rows]:
    """Yield the rows of row groups as texts, some thousand at a time.

    Raises:
        SourceError: the file is damaged.
    """
    line = chunk.line
    with open_parquet(chunk.uri) as opened:
        groups = list(range(chunk.first, chunk.first + chunk.count))
        # No other column is read: it may be of any type and size.
        wanted = [name for name in opened.schema_arrow.names if normal_text(name) in chunk.file.columns]
        batches = opened.iter_batches(_BATCH_ROWS, row_groups=groups, columns=wanted)
        try:
            for batch in itertools.chain.from_iterable(map(_slices, batches)):
                by_name = dict(zip(map(normal_text, batch.schema.names), batch.columns, strict=True))
                texts = [_texts(by_name[name]) for name in chunk.file.columns]
                yield Rows(columns=texts, lines=np.arange(line, line + batch.num_rows))
                line += batch.num_rows
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise SourceError(f"source {chunk.uri}: {error}") from error


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Divide a batch with large values: the records of one are joined in an array of less than 2 GiB."""
    rows = max(1, batch.num_rows * _BATCH_BYTES // max(batch.nbytes, _BATCH_BYTES))
    return (batch.slice(first, rows) for first in range(0, batch.num_rows, rows))


def _texts(column: pa.Array) -> pa.StringArray:
    """Return the values of a column as a CSV file has them, nothing for null and NaN."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    texts = pc.fill_null(column.cast(pa.string()), "")
    texts.validate(full=True)  # a file's strings may be no UTF-8
    return texts


@contextmanager
def open_parquet(uri: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file.

    Raises:
        SourceError: it can't be opened, or is none.
    """
    try:
        stream = open_store(uri).open(uri)
    except UnreadableError as error:
        raise SourceError(f"source {uri}: {error}") from error
    with stream:
        try:
            opened = pq.ParquetFile(stream)
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"source {uri}: expected a Parquet file, received another: {error}") from error
        yield opened
