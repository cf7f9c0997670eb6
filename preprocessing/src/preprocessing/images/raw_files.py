"""A raw image that is to become a record, as it travels between the steps.

Its shard is a hash of its size. So files with the same bytes always meet in one shard, whatever their
names, and duplicates are found there while the shard is written: the images themselves are read once and
never shuffled. The price is balance: files that all have one size all go into one shard.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class RawFile:
    """A labelled file that has not been read yet.

    Attributes:
        uri: where it is read.
        name: its path in the source; goes into the record.
        label: the label that its folder or its CSV line gives it.
        size: bytes.
    """

    uri: str
    name: str
    label: str
    size: int

    def shard_of(self, num_shards: int) -> int:
        """The same for all files of a size."""
        return size_hash(self.size) % num_shards


def size_hash(size: int) -> int:
    """Spreads sizes evenly; 64 bits."""
    return int.from_bytes(hashlib.blake2b(size.to_bytes(8, "big"), digest_size=8).digest(), "big")


def in_record_order(files: Iterable[RawFile]) -> list[RawFile]:
    """The files of a shard so that equal sizes are together, in an order that only sizes and names decide.

    Not by size itself: a shard that begins with its smallest images and ends with its largest would be a poor
    stream to train on.
    """
    return sorted(files, key=lambda file: (size_hash(file.size), file.size, file.name, file.label))
