"""Which shard a raw file belongs to, before anything of it has been read.

The shard is a hash of the file's size. So files with the same bytes always meet in one shard, whatever
their names, and duplicates are found there while the shard is written: the images themselves are read once
and never shuffled. The price is balance: files that all have one size all go into one shard.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from preprocessing.raw_files import Listed, RawFile

SHARD_BYTES = 64 << 20
"""How many bytes of raw data go into a shard, on average, unless the number of shards is given."""

_MAX_SHARDS = 4096


def number_of_shards(total_bytes: int) -> int:
    """How many shards this much raw data is divided into."""
    return max(1, min(_MAX_SHARDS, -(-total_bytes // SHARD_BYTES)))


def listed_bytes(listed: Listed) -> int:
    """The bytes of a batch's files."""
    return sum(file.size for file in listed.files)


def size_hash(size: int) -> int:
    """Spreads sizes evenly; 64 bits."""
    return int.from_bytes(hashlib.blake2b(size.to_bytes(8, "big"), digest_size=8).digest(), "big")


def assign_shards(listed: Listed, num_shards: int) -> Iterator[tuple[int, Listed]]:
    """A batch, divided by shard."""
    by_shard: dict[int, list[RawFile]] = defaultdict(list)
    for file in listed.files:
        by_shard[size_hash(file.size) % num_shards].append(file)
    for shard, files in by_shard.items():
        yield shard, Listed(files=tuple(files))


def every_shard(num_shards: int) -> Iterator[tuple[int, Listed]]:
    """An empty batch for each shard, so that those to which no file belongs are written too."""
    for shard in range(num_shards):
        yield shard, Listed()


def in_record_order(files: Iterable[RawFile]) -> list[RawFile]:
    """The files of a shard so that equal sizes are together, in an order that only sizes and names decide.

    Not by size itself: a shard that begins with its smallest images and ends with its largest would be a poor
    stream to train on.
    """
    return sorted(files, key=lambda file: (size_hash(file.size), file.size, file.name, file.label))


def without_files(listed: Listed) -> Iterator[Listed]:
    """What of a batch no shard accounts for: its rejected and ignored files, if any."""
    if listed.rejected or listed.ignored:
        yield Listed(rejected=listed.rejected, ignored=listed.ignored)
