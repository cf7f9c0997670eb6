"""Labelled JPEG files to records with the classic ImageNet keys: the files, and statistics of their sizes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from contract.statistics import SizeStatistics


@dataclass(frozen=True)
class RawImage:
    """A labelled file that has not been read yet.

    Its shard is a hash of its size. So files with the same bytes always meet in one shard, whatever their
    names, and duplicates are found there while the shard is written: the images themselves are read once and
    never shuffled. The price is balance: files that all have one size all go into one shard.

    Attributes:
        uri: URI of the file.
        name: path in the source; goes into the record.
        label: label that its folder or its line of an image list gives it.
        size: bytes.
    """

    uri: str
    name: str
    label: str
    size: int

    def shard_of(self, num_shards: int) -> int:
        """Return the index of its shard, the same for all files of a size."""
        return size_hash(self.size) % num_shards


def size_hash(size: int) -> int:
    """Return a 64-bit hash that spreads sizes evenly."""
    return int.from_bytes(hashlib.blake2b(size.to_bytes(8, "big"), digest_size=8).digest(), "big")


def in_record_order(files: Iterable[RawImage]) -> list[RawImage]:
    """Sort the files of a shard so that equal sizes are together, by sizes and names alone.

    Not by size itself: a shard that begins with its smallest images and ends with its largest would be a poor
    stream to train on.
    """
    return sorted(files, key=lambda file: (size_hash(file.size), file.size, file.name, file.label))


@dataclass
class SizeRange:
    """Smallest, largest and mean of sizes in pixels.

    Attributes:
        count: number of sizes; with 0 the others mean nothing.
        minimum: the smallest.
        maximum: the largest.
        total: their sum.
    """

    count: int = 0
    minimum: int = 0
    maximum: int = 0
    total: int = 0

    def add(self, size: int) -> None:
        """Count a size."""
        if not self.count:
            self.minimum = self.maximum = size
        elif size < self.minimum:
            self.minimum = size
        elif size > self.maximum:
            self.maximum = size
        self.count += 1
        self.total += size

    @classmethod
    def merge(cls, ranges: Iterable[SizeRange]) -> SizeStatistics:
        """Return the statistics of all sizes."""
        filled = [one for one in ranges if one.count]
        if not filled:
            return SizeStatistics()
        return SizeStatistics(
            minimum=min(one.minimum for one in filled),
            maximum=max(one.maximum for one in filled),
            mean=round(sum(one.total for one in filled) / sum(one.count for one in filled), 2),
        )


@dataclass
class ImageStats:
    """Sizes of the images of a shard.

    Attributes:
        height: in pixels.
        width: in pixels.
    """

    height: SizeRange = field(default_factory=SizeRange)
    width: SizeRange = field(default_factory=SizeRange)

    def add(self, *, height: int, width: int) -> None:
        """Count an image."""
        self.height.add(height)
        self.width.add(width)

    @classmethod
    def merge(cls, shards: Sequence[ImageStats]) -> dict[str, Any]:
        """Return the sizes of all shards as a field of `DatasetStatistics`."""
        return {
            "image": {
                "height": SizeRange.merge(shard.height for shard in shards),
                "width": SizeRange.merge(shard.width for shard in shards),
            }
        }
