"""What came of a shard, and of all shards together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from preprocessing.rejections import Reason, Rejected
from preprocessing.tables.statistics import TableStatistics, merge


@dataclass(frozen=True)
class Range:
    """Smallest, largest and mean of values that are not kept.

    Attributes:
        count: how many values; with 0 the others mean nothing.
        low: the smallest.
        high: the largest.
        total: their sum.
    """

    count: int = 0
    low: int = 0
    high: int = 0
    total: int = 0

    @classmethod
    def of(cls, counts: Mapping[int, int]) -> Range:
        """The range of values, given how often each of them occurs."""
        if not counts:
            return cls()
        total = sum(value * count for value, count in counts.items())
        return cls(sum(counts.values()), min(counts), max(counts), total)

    def merged(self, other: Range) -> Range:
        """The range of both."""
        if not self.count or not other.count:
            return self if self.count else other
        return Range(
            self.count + other.count,
            min(self.low, other.low),
            max(self.high, other.high),
            self.total + other.total,
        )

    def to_json(self) -> dict[str, float | None]:
        """`min`, `max` and `mean`; null if there were no values."""
        if not self.count:
            return {"min": None, "max": None, "mean": None}
        return {"min": self.low, "max": self.high, "mean": round(self.total / self.count, 2)}


@dataclass(frozen=True)
class ShardFile:
    """One written file.

    Attributes:
        records: how many.
        bytes: its size.
    """

    records: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class ShardSummary:
    """What came of one shard.

    Attributes:
        shard: its number, from 0.
        files: by split, what was written.
        read: how many raw files, rows or images belong to it.
        duplicates: how many have the bytes and the label of another one that became a record.
        rejected: those that did not become a record, the first of each reason.
        rejected_beyond: by reason, how many there are that `rejected` doesn't list.
        labels: by split, the records of each label.
        converted: the records whose bytes were changed, by what they were before.
        height: of the images, pixels.
        width: of the images, pixels.
        table: what the features hold; `None` for images.
    """

    shard: int
    files: Mapping[str, ShardFile]
    read: int
    duplicates: int
    rejected: tuple[Rejected, ...] = ()
    rejected_beyond: Mapping[Reason, int] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    converted: Mapping[str, int] = field(default_factory=dict)
    height: Range = field(default_factory=Range)
    width: Range = field(default_factory=Range)
    table: TableStatistics | None = None

    @property
    def rejected_by_reason(self) -> Counter[Reason]:
        """How many were rejected for each reason."""
        return Counter(item.reason for item in self.rejected) + Counter(self.rejected_beyond)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What came of a whole conversion.

    Attributes:
        shards: by number.
        unlisted: rejected before they were assigned to a shard.
        ignored: files that are no raw data.
    """

    shards: tuple[ShardSummary, ...]
    unlisted: tuple[Rejected, ...] = ()
    ignored: int = 0

    @property
    def rejected(self) -> list[Rejected]:
        """What did not become a record, sorted; the first of each shard and reason."""
        return sorted([*self.unlisted, *(item for shard in self.shards for item in shard.rejected)])

    @property
    def rejected_by_reason(self) -> dict[str, int]:
        """How many were rejected for each reason."""
        counts = Counter(item.reason for item in self.unlisted)
        for shard in self.shards:
            counts.update(shard.rejected_by_reason)
        return dict(sorted(counts.items()))

    @property
    def rejections(self) -> int:
        """How many were rejected, whatever the reason."""
        return sum(self.rejected_by_reason.values())

    @property
    def read(self) -> int:
        """How many raw files, rows or images there are: records, duplicates and rejected ones."""
        return len(self.unlisted) + sum(shard.read for shard in self.shards)

    @property
    def duplicates(self) -> int:
        """How many raw files repeat another one."""
        return sum(shard.duplicates for shard in self.shards)

    @property
    def bytes(self) -> int:
        """The size of all written shards."""
        return sum(file.bytes for shard in self.shards for file in shard.files.values())

    @property
    def converted(self) -> dict[str, int]:
        """The records whose bytes were changed, by what they were before."""
        return dict(sorted(sum((Counter(shard.converted) for shard in self.shards), Counter[str]()).items()))

    @property
    def height(self) -> Range:
        """Of the images, pixels."""
        return _merged(shard.height for shard in self.shards)

    @property
    def width(self) -> Range:
        """Of the images, pixels."""
        return _merged(shard.width for shard in self.shards)

    @property
    def table(self) -> TableStatistics | None:
        """What the features hold on the training side; `None` for images."""
        return merge([shard.table for shard in self.shards if shard.table is not None])

    def records(self, split: str) -> int:
        """How many records a split has."""
        return sum(shard.files[split].records for shard in self.shards)

    def labels(self, split: str) -> Counter[str]:
        """How many records of each label a split has."""
        return sum((Counter(shard.labels.get(split, {})) for shard in self.shards), Counter[str]())

    @property
    def rejected_fraction(self) -> float:
        """The share of what was read that did not become a record, 0 to 1."""
        return self.rejections / self.read if self.read else 0.0


def _merged(ranges: Iterable[Range]) -> Range:
    merged = Range()
    for item in ranges:
        merged = merged.merged(item)
    return merged
