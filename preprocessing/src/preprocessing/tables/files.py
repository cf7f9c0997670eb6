"""The CSV files of a source, cut into spans that end with a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from contract import DataContract
from preprocessing.errors import SourceError
from preprocessing.raw_streams import RawStream, is_compressed, open_raw
from preprocessing.rejections import Rejected
from preprocessing.sources import Listed, batches, place_of, shard_at
from preprocessing.tables.blocks import BLOCK_BYTES, Block, blocks
from preprocessing.tables.rows import RowReader

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LEAST_SPAN_BYTES, _MOST_SPAN_BYTES = 256 << 10, 8 << 20
_SPANS = 1024


@dataclass(frozen=True, kw_only=True)
class TableFile:
    """A CSV file.

    Attributes:
        uri: where it is read.
        name: its path in the source.
        columns: the names of its columns, in order.
        has_header: whether its first row names them.
    """

    uri: str
    name: str
    columns: tuple[str, ...]
    has_header: bool

    @property
    def is_compressed(self) -> bool:
        """Whether it has to be read from its beginning."""
        return is_compressed(self.uri)


@dataclass(frozen=True, kw_only=True)
class Span:
    """Whole rows of a file.

    Attributes:
        file: which file.
        offset: where it begins, bytes.
        size: bytes.
        line: the number of its first line, from 1.
        place: where in the source it begins (`place_of`).
    """

    file: TableFile
    offset: int
    size: int
    line: int
    place: int

    @property
    def uri(self) -> str:
        """The file that it is in."""
        return self.file.uri

    def shard_of(self, num_shards: int) -> int:
        """Shards divide the source in the order of names and offsets."""
        return shard_at(self.place, num_shards)


@dataclass(frozen=True, kw_only=True)
class TablePart:
    """A file that is yet to be cut.

    Attributes:
        uri: where it is read.
        name: its path in the source.
        size: bytes.
        bytes_before: of the files with smaller names.
        total_bytes: of the source.
        contract: which columns there must be.
    """

    uri: str
    name: str
    size: int
    bytes_before: int
    total_bytes: int
    contract: DataContract

    def listed(self) -> Iterator[Listed]:
        """Its spans, of a thousandth of the source each, within limits; a compressed file is one span.

        Raises:
            SourceError: it can't be read to its end, or a column is missing, or there twice.
        """
        format_ = self.contract.csv
        assert format_ is not None  # noqa: S101 - DataContract sees to it
        if not self.size:
            if not format_.columns or is_compressed(self.uri):
                expected = "a gzip file" if is_compressed(self.uri) else "a header"
                raise SourceError(f"source {self.uri}: expected {expected}, received 0 bytes")
            yield Listed(rejected=(Rejected(self.uri, "empty", "0 bytes"),))
            return
        columns = format_.columns or self._header(format_.delimiter)
        file = TableFile(uri=self.uri, name=self.name, columns=columns, has_header=not format_.columns)
        for batch in batches(self._spans(file)):
            yield Listed(pieces=batch)

    def _header(self, delimiter: str) -> tuple[str, ...]:
        with open_raw(self.uri) as stream:
            for block in table_blocks(stream, 0):
                for row in RowReader(delimiter=delimiter, width=None).read(block, 1).rows:
                    return self._checked(tuple(name.strip() for name in row))
        raise SourceError(f"source {self.uri}: expected a header, found no line that is one")

    def _checked(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        for feature in self.contract.features:
            if columns.count(feature.name) != 1:
                raise SourceError(
                    f"source {self.uri}: expected one column {feature.name!r}, received the header"
                    f" {', '.join(columns)[:200]!r}"
                )
        return columns

    def _spans(self, file: TableFile) -> Iterator[Span]:
        most = min(max(self.total_bytes // _SPANS, _LEAST_SPAN_BYTES), _MOST_SPAN_BYTES)
        if file.is_compressed or self.size <= most:
            yield self._span(file, offset=0, size=self.size, line=1)
            return
        offset, line = 0, 1
        size = lines = 0
        with open_raw(self.uri) as stream:
            for block in blocks(stream.read, size=min(most, BLOCK_BYTES)):
                size += block.size
                lines += block.lines
                if size > most // 2:
                    yield self._span(file, offset=offset, size=size, line=line)
                    offset, line = offset + size, line + lines
                    size = lines = 0
            _check_end(stream, offset + size, expected=self.size)
        if size:
            yield self._span(file, offset=offset, size=size, line=line)

    def _span(self, file: TableFile, *, offset: int, size: int, line: int) -> Span:
        place = place_of(self.bytes_before + offset, self.total_bytes)
        return Span(file=file, offset=offset, size=size, line=line, place=place)


def table_blocks(stream: RawStream, offset: int, length: int | None = None) -> Iterator[Block]:
    """The lines of a stream from an offset on, without the mark that some programs begin UTF-8 files with.

    Raises:
        SourceError: the stream can't be read to its end, or ends before the length is reached.
    """
    if offset:
        stream.seek(offset)
    end = None if length is None else offset + length
    for block in blocks(stream.read, length):
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
