"""Writes one shard of each split, in one pass and in little memory."""

from __future__ import annotations

from collections.abc import Sequence

from preprocessing.conversion import Conversion
from preprocessing.shard_files import shard_files
from preprocessing.sources import Piece
from preprocessing.summaries import ShardSummary


def write_shard(
    shard: int, pieces: Sequence[Piece], *, conversion: Conversion, num_shards: int
) -> ShardSummary:
    """Write shard `shard` of each split; the same raw data always gives the same bytes.

    Args:
        shard: its number, from 0.
        pieces: the raw data that belongs to it, in any order.
        conversion: how, and where to.
        num_shards: how many shards there are.

    Returns:
        What came of it.

    Raises:
        OutputError: the dataset is committed with other bytes.
    """
    splits = conversion.contract.split.names
    with shard_files(conversion.output, shard, num_shards, splits) as files:
        tally = conversion.format.write_records(
            pieces, files, contract=conversion.contract, source=conversion.source, num_shards=num_shards
        )
    return tally.summary(shard, files.written)
