"""CSV files as a format: read, validate, encode and write the rows of a shard, some thousand at a time."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from contract import TRAIN_SPLIT, VALIDATION_SPLIT, ContractError, DataContract
from contract.artifacts import RejectedRecord
from preprocessing.conversion_stats import ShardStats
from preprocessing.output import ShardFiles
from preprocessing.sources import Source, open_raw
from preprocessing.tables import ByteRange, TableFile, joined_ranges
from preprocessing.tables.encoding import RecordBatch, RowEncoder
from preprocessing.tables.files import TableSource, table_blocks
from preprocessing.tables.rows import BadRow, Block, RowReader, Rows
from preprocessing.tables.statistics import StatsAccumulator, TableStats, merge_statistics, row_hashes

_ROWS_PER_LOG_LINE = 1_000_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TableFormat:
    """A CSV file, or a folder of them: a record for each row."""

    shard_bytes: int = 32 << 20
    unit: str = "rows"

    def check(self, contract: DataContract) -> None:
        """Refuse a label that is neither a number nor one of a vocabulary.

        Raises:
            ContractError: the label is any text.
        """
        label = contract.label
        if not label.is_number and not label.vocabulary:
            raise ContractError(f"features[{label.name}].vocabulary", expected="labels", received=())

    def source(self, uri: str, contract: DataContract) -> Source:
        """Return the files at a path or `gs://` URI."""
        return TableSource(uri.rstrip("/"), contract)

    def write_records(
        self,
        chunks: Sequence[Any],
        files: ShardFiles,
        *,
        contract: DataContract,
        source: Source,  # noqa: ARG002 - each range knows its file
        num_shards: int,
    ) -> ShardStats:
        """Write the rows of a shard in the order of file names and lines."""
        writer = TableWriter(files, contract, num_shards=num_shards)
        ranges = sorted(chunks, key=lambda chunk: (chunk.file.name.encode(), chunk.offset))
        for chunk in joined_ranges(ranges):
            writer.write(chunk)
        return writer.finish()

    def merge_statistics(self, shards: Sequence[TableStats]) -> dict[str, Any]:
        """Return the numbers and categories of all shards."""
        return merge_statistics(shards)


class TableWriter:
    """Writes byte ranges, or rows of any other format, as records and counts them."""

    def __init__(self, files: ShardFiles, contract: DataContract, *, num_shards: int) -> None:
        self._files = files
        self._contract = contract
        self._encoder = RowEncoder(contract)
        self._accumulator = StatsAccumulator(self._encoder.columns, num_shards=num_shards)
        self._label = contract.features.index(contract.label)
        self._labels: dict[str, Counter[str]] = {split: Counter() for split in contract.split.names}
        self._stats = ShardStats()

    def write(self, chunk: ByteRange) -> None:
        """Write the rows of a byte range.

        Raises:
            SourceError: the file can't be read to the end of the range, or ends within a row.
        """
        file, line = chunk.file, chunk.line
        kept = [file.columns.index(feature.name) for feature in self._contract.features]
        reader = RowReader(delimiter=self._delimiter, width=len(file.columns), kept=kept)
        header, cut = file.has_header and not chunk.offset, None
        with open_raw(chunk.uri) as stream:
            length = None if file.is_compressed else chunk.size
            for block in table_blocks(stream, chunk.offset, length):
                rows = reader.read(block, line)
                line += block.lines
                if rows.bad and rows.bad[-1].line >= line - 1 and _ends_within(rows.bad[-1], block):
                    cut = rows.bad[-1]
                if header and rows.lines.size:
                    rows, header = rows.without_first(), False
                self.write_rows(rows, file)
            if cut is not None:  # nobody knows how many rows more there were
                raise stream.error(f"ends within row {cut.line}: {cut.detail}")

    def finish(self) -> ShardStats:
        """Return the counts, when all byte ranges are written."""
        if self._contract.label.vocabulary:
            for split, raw in self._labels.items():
                for text, count in raw.items():
                    label = self._encoder.columns[self._label].category(text)
                    self._stats.count_label(split, label, times=count)
        self._stats.features = self._accumulator.statistics()
        return self._stats

    @property
    def _delimiter(self) -> str:
        assert self._contract.csv is not None  # noqa: S101 - DataContract sees to it
        return self._contract.csv.delimiter

    def write_rows(self, rows: Rows, file: TableFile) -> None:
        """Write rows of a file, or reject them; their columns are the features', in the contract's order."""
        stats = self._stats
        before = stats.read
        batch = self._encoder.encode(rows)
        for bad in sorted([*rows.bad, *batch.bad], key=lambda row: row.line):
            stats.read += 1
            stats.rejected.add(RejectedRecord(f"{file.uri}:{bad.line}", bad.reason, bad.detail))
        stats.read += len(batch.records)
        if len(batch.records):
            self._write_batch(batch, file)
        if stats.read // _ROWS_PER_LOG_LINE > before // _ROWS_PER_LOG_LINE:
            logger.info("%s: %d rows read for this shard", file.name, stats.read)

    def _write_batch(self, batch: RecordBatch, file: TableFile) -> None:
        split = self._contract.split
        of_file, count = split.split_of_file(file.name), len(batch.records)
        hashed = None if of_file else np.array(split.are_validation(batch.keys))
        for name in split.names:
            if hashed is None:
                mask = np.full(count, name == of_file)
            else:
                mask = hashed if name == VALIDATION_SPLIT else ~hashed & (name == TRAIN_SPLIT)
            self._files.write_all(name, batch.records.filter(pa.array(mask)))
            if self._contract.label.vocabulary:
                self._labels[name] += batch.columns[self._label].count_texts(mask)
            if name == TRAIN_SPLIT:
                self._accumulator.add(batch, mask, row_hashes(_seed(file.name), batch.lines))


def _ends_within(bad: BadRow, block: Block) -> bool:
    is_cut = bad.reason in ("column_count", "unterminated_quote")
    return is_cut and not block.data.endswith((b"\n", b"\r"))


def _seed(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
