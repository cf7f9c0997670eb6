"""The CSV files of a source, cut into byte ranges that end with a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from contract import DataContract
from contract.artifacts import RejectedRecord
from contract.raw_data import IgnoredFile, ignored_reason
from contract.values import normal_text
from preprocessing.errors import SourceError
from preprocessing.sources import (
    BROKEN_LINK,
    FileBatch,
    NonDataFiles,
    RawStream,
    SourcePartition,
    in_batches,
    is_compressed,
    open_raw,
    source_position,
)
from preprocessing.stores import UnreadableError, open_store
from preprocessing.tables import ByteRange, TableFile
from preprocessing.tables.rows import Block, RowReader, read_blocks

_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".data", ".txt")
"""Endings of a source that is one file and no folder."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OTHER_CONTENTS = (
    (b"\xff\xfe\0\0", "UTF-32 text"),
    (b"\0\0\xfe\xff", "UTF-32 text"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\0", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF-", "a PDF document"),
)
"""Beginnings of files that are no UTF-8 text, whatever their names say."""
_LONGEST_BEGINNING = 8
_LEAST_RANGE_BYTES, _MOST_RANGE_BYTES = 256 << 10, 8 << 20
_RANGES = 1024
_CUT_BYTES = 256 << 10
"""Ranges end at multiples of about so many bytes; another number would make other shards of the same data."""


@dataclass(frozen=True)
class TableSource:
    """CSV files in the order of their names.

    Every file of a folder that counts as raw data (`contract.raw_data`) is a table, however deep it lies.

    Attributes:
        uri: a file, a folder or a `gs://` prefix, without a slash at the end.
        contract: the features that there must be columns for.
    """

    uri: str
    contract: DataContract

    def partitions(self) -> Iterator[SourcePartition]:
        """Yield one for each file, and one for the files that hold no data.

        Raises:
            SourceError: there is no file, or one is a broken link.
        """
        if self.uri.lower().endswith(_ENDINGS):
            yield self._one_file()
            return
        entries = sorted(
            open_store(self.uri).files(self.uri, recursive=True), key=lambda entry: entry.name.encode()
        )
        reasons = {entry.name: ignored_reason(entry.name, self.contract) for entry in entries}
        data = [entry for entry in entries if reasons[entry.name] is None]
        if not data:
            wanted = f" named {' or '.join(self.contract.files)}" if self.contract.files else ""
            raise SourceError(f"source {self.uri}: expected CSV files{wanted}, found none")
        total = sum(entry.size or 0 for entry in data)
        before = 0
        for entry in data:
            uri = f"{self.uri}/{entry.name}"
            if entry.size is None:
                raise SourceError(f"source {uri}: {BROKEN_LINK}")
            yield TablePartition(
                uri=uri, name=entry.name, size=entry.size,
                bytes_before=before, total_bytes=total, contract=self.contract,
            )  # fmt: skip
            before += entry.size
        ignored = (IgnoredFile(f"{self.uri}/{name}", reason) for name, reason in reasons.items() if reason)
        yield NonDataFiles(FileBatch(ignored=tuple(ignored)))

    def _one_file(self) -> SourcePartition:
        try:
            size = open_store(self.uri).size(self.uri)
        except UnreadableError as error:
            raise SourceError(f"source {self.uri}: {error}") from error
        name = self.uri.rsplit("/", 1)[-1]
        return TablePartition(
            uri=self.uri, name=name, size=size, bytes_before=0, total_bytes=size, contract=self.contract
        )


@dataclass(frozen=True, kw_only=True)
class TablePartition:
    """A file that is yet to be cut.

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
        """Yield its byte ranges, a thousandth of the source each, within limits; one if it is compressed.

        Raises:
            SourceError: it can't be read to its end, isn't UTF-8 text, or has a column twice or not at all.
        """
        dialect = self.contract.csv
        assert dialect is not None  # noqa: S101 - DataContract sees to it
        if not self.size:
            if not dialect.columns or is_compressed(self.uri):
                expected = "a gzip file" if is_compressed(self.uri) else "a header"
                raise SourceError(f"source {self.uri}: expected {expected}, received 0 bytes")
            yield FileBatch(rejected=(RejectedRecord(self.uri, "empty", "0 bytes"),))
            return
        with open_raw(self.uri) as stream:
            _check_content(stream)
            columns = dialect.columns or self._header(stream, dialect.delimiter)
        file = TableFile(uri=self.uri, name=self.name, columns=columns, has_header=not dialect.columns)
        for batch in in_batches(self._ranges(file)):
            yield FileBatch(chunks=batch)

    def _header(self, stream: RawStream, delimiter: str) -> tuple[str, ...]:
        for block in table_blocks(stream, 0):
            row = RowReader(delimiter=delimiter, width=None).read_first(block)
            if row is not None:
                return self._checked(tuple(map(normal_text, row)))
        raise SourceError(f"source {self.uri}: expected a header, found no line that is one")

    def _checked(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        for feature in self.contract.features:
            if columns.count(feature.name) != 1:
                raise SourceError(
                    f"source {self.uri}: expected one column {feature.name!r}, received the header"
                    f" {', '.join(columns)[:200]!r}"
                )
        return columns

    def _ranges(self, file: TableFile) -> Iterator[ByteRange]:
        most = min(max(self.total_bytes // _RANGES, _LEAST_RANGE_BYTES), _MOST_RANGE_BYTES)
        if file.is_compressed or self.size <= most:
            yield self._range(file, offset=0, size=self.size, line=1)
            return
        offset, line = 0, 1
        size = lines = 0
        with open_raw(self.uri) as stream:
            for block in read_blocks(stream.read, size=min(most, _CUT_BYTES)):
                size += block.size
                lines += block.lines
                if size > most // 2:
                    yield self._range(file, offset=offset, size=size, line=line)
                    offset, line = offset + size, line + lines
                    size = lines = 0
            _check_end(stream, offset + size, expected=self.size)
        if size:
            yield self._range(file, offset=offset, size=size, line=line)

    def _range(self, file: TableFile, *, offset: int, size: int, line: int) -> ByteRange:
        position = source_position(self.bytes_before + offset, self.total_bytes)
        return ByteRange(file=file, offset=offset, size=size, line=line, position=position)


def _check_content(stream: RawStream) -> None:
    """Refuse a file that is no UTF-8 text by its first bytes, to which the stream is moved back."""
    beginning = stream.read(_LONGEST_BEGINNING)
    for signature, name in _OTHER_CONTENTS:
        if beginning.startswith(signature):
            raise stream.error(f"expected UTF-8 text, received {name}")
    # Without a mark: every other byte of Latin letters and digits is 0.
    if len(beginning) == _LONGEST_BEGINNING and any(beginning[::2]) != any(beginning[1::2]):
        raise stream.error("expected UTF-8 text, received UTF-16 text without a byte order mark")
    stream.seek(0)


def table_blocks(stream: RawStream, offset: int, length: int | None = None) -> Iterator[Block]:
    """Yield the lines of a stream from an offset on, without a byte order mark.

    Raises:
        SourceError: the stream can't be read to its end, or ends before the length is reached.
    """
    if offset:
        stream.seek(offset)
    end = None if length is None else offset + length
    for block in read_blocks(stream.read, length):
        if not offset and block.data.startswith(_BYTE_ORDER_MARK):
            yield Block(block.data.removeprefix(_BYTE_ORDER_MARK), block.size, block.too_long)
        else:
            yield block
        offset += block.size
    if end is not None:
        _check_end(stream, offset, expected=end)


def _check_end(stream: RawStream, end: int, *, expected: int) -> None:
    """Refuse a file that became shorter after it was listed."""
    if end < expected:
        raise stream.error(f"expected {expected} bytes as listed, received {end}")
