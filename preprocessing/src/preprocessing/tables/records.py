"""Reads, checks, encodes and writes the rows of one shard, some thousand at a time."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from itertools import compress

from contract import TEST_SPLIT, TRAIN_SPLIT, DataContract
from preprocessing.raw_streams import open_raw
from preprocessing.rejections import Reason, Rejected
from preprocessing.shard_files import ShardFiles
from preprocessing.tables.encoding import Batch, RowEncoder
from preprocessing.tables.files import Span, TableFile, table_blocks
from preprocessing.tables.gathering import Gatherer, row_hashes
from preprocessing.tables.rows import RowReader, Rows
from preprocessing.tally import Tally

_ROWS_A_LINE = 1_000_000
"""How many rows are read between two lines of the log."""

logger = logging.getLogger(__name__)


def write_records(
    spans: Sequence[Span], files: ShardFiles, *, contract: DataContract, num_shards: int
) -> Tally:
    """Write the rows of a shard in the order of file names and lines.

    Args:
        spans: what belongs to it, in any order.
        files: take the records.
        contract: what the records hold.
        num_shards: how many shards there are.

    Returns:
        What came of it.
    """
    writer = _RowWriter(files, contract, num_shards=num_shards)
    for span in sorted(spans, key=lambda span: (span.file.name.encode(), span.offset)):
        writer.write(span)
    return writer.finish()


class _RowWriter:
    """Turns spans into records and counts what comes of them."""

    def __init__(self, files: ShardFiles, contract: DataContract, *, num_shards: int) -> None:
        self._files = files
        self._contract = contract
        self._encoder = RowEncoder(contract)
        self._gatherer = Gatherer(self._encoder.columns, num_shards=num_shards)
        self._label = contract.features.index(contract.label)
        self._labels: dict[str, Counter[str]] = {split: Counter() for split in contract.split.names}
        self._tally = Tally()

    def write(self, span: Span) -> None:
        """Write the rows of a span."""
        file, line = span.file, span.line
        reader = RowReader(delimiter=self._delimiter, width=len(file.columns))
        header = file.has_header and not span.offset
        with open_raw(span.uri) as stream:
            length = None if file.is_compressed else span.size
            for block in table_blocks(stream, span.offset, length):
                rows = reader.read(block, line)
                line += block.lines
                if header and rows.rows:
                    rows, header = rows.without_first(), False
                self._write_rows(rows, file)

    def finish(self) -> Tally:
        """The counts, when all spans are written."""
        if self._contract.label.vocabulary:
            for split, raw in self._labels.items():
                for text, count in raw.items():
                    word = self._encoder.columns[self._label].word(text)
                    self._tally.count_label(split, word, times=count)
        self._tally.table = self._gatherer.statistics()
        return self._tally

    @property
    def _delimiter(self) -> str:
        assert self._contract.csv is not None  # noqa: S101 - DataContract sees to it
        return self._contract.csv.delimiter

    def _write_rows(self, rows: Rows, file: TableFile) -> None:
        before = self._tally.read
        batch = self._encoder.encode(rows, file.columns)
        for bad in sorted([*rows.bad, *batch.bad], key=lambda row: row.line):
            self._reject(f"{file.uri}:{bad.line}", bad.reason, bad.detail)
        self._tally.read += len(batch.records)
        if batch.records:
            self._write_batch(batch, file)
        if self._tally.read // _ROWS_A_LINE > before // _ROWS_A_LINE:
            logger.info("%s: %d rows read for this shard", file.name, self._tally.read)

    def _write_batch(self, batch: Batch, file: TableFile) -> None:
        split = self._contract.split
        if split.is_test_file(file.name):
            sides = [TEST_SPLIT] * len(batch.records)
        else:
            sides = list(map(split.split_of, batch.keys))
        for name in split.names:
            mask = [side == name for side in sides]
            self._files.write(name, list(compress(batch.records, mask)))
            if self._contract.label.vocabulary:
                self._labels[name].update(compress(batch.texts[self._label], mask))
            if name == TRAIN_SPLIT:
                self._gatherer.add(batch, mask, row_hashes(_seed(file.name), batch.lines))

    def _reject(self, uri: str, reason: Reason, detail: str) -> None:
        self._tally.read += 1
        self._tally.rejections.add(Rejected(uri, reason, detail))


def _seed(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
