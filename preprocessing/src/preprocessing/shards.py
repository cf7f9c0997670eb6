"""How many shards there are, and which of them a piece of raw data belongs to, before any of it is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from preprocessing.sources import Listed, Piece

_MAX_SHARDS = 4096


def number_of_shards(total_bytes: int, shard_bytes: int) -> int:
    """How many shards this much raw data is divided into."""
    return max(1, min(_MAX_SHARDS, -(-total_bytes // shard_bytes)))


def listed_bytes(listed: Listed) -> int:
    """The bytes of a batch's pieces."""
    return sum(piece.size for piece in listed.pieces)


def assign_shards(listed: Listed, num_shards: int) -> Iterator[tuple[int, Listed]]:
    """A batch, divided by shard."""
    by_shard: dict[int, list[Piece]] = defaultdict(list)
    for piece in listed.pieces:
        by_shard[piece.shard_of(num_shards)].append(piece)
    for shard, pieces in by_shard.items():
        yield shard, Listed(pieces=tuple(pieces))


def every_shard(num_shards: int) -> Iterator[tuple[int, Listed]]:
    """An empty batch for each shard, so that those to which nothing belongs are written too."""
    for shard in range(num_shards):
        yield shard, Listed()


def without_pieces(listed: Listed) -> Iterator[Listed]:
    """What of a batch no shard accounts for: its rejected and ignored files, if any."""
    if listed.rejected or listed.ignored:
        yield Listed(rejected=listed.rejected, ignored=listed.ignored)
