"""Counts of a conversion: of each shard, and of all shards together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contract.artifacts import RejectedRecord
from contract.raw_data import IgnoredFile

LISTED_PER_REASON = 1000
"""Number of a shard's rejected records that are listed for each reason; all are counted."""


@dataclass
class RejectedRecords:
    """The rejected records of a shard, in bounded memory.

    Attributes:
        listed: the first of each reason.
        by_reason: number of all by reason.
    """

    listed: list[RejectedRecord] = field(default_factory=list)
    by_reason: Counter[str] = field(default_factory=Counter)

    def add(self, record: RejectedRecord, *, times: int = 1) -> None:
        """Count a record, and list it unless there are many like it.

        Args:
            record: the record, or the first of several for the same reason.
            times: their number.
        """
        if self.by_reason[record.reason] < LISTED_PER_REASON:
            self.listed.append(record)
        self.by_reason[record.reason] += times


@dataclass(frozen=True)
class ShardFile:
    """A shard of one split.

    Attributes:
        records: number of its records.
        bytes: its size.
    """

    records: int
    bytes: int


@dataclass(kw_only=True)
class ShardStats:
    """Counts of one shard of each split, filled while it is written.

    Attributes:
        shard: index of the shard.
        files: the written files by split.
        read: number of raw files, rows or images.
        duplicates: how many of them have the bytes and the label of another one that became a record.
        rejected: those that did not become a record.
        labels: number of records by label, by split.
        converted: number of records whose bytes were changed, by the original format.
        features: statistics of the features, in the type of the shard's format.
    """

    shard: int = 0
    files: Mapping[str, ShardFile] = field(default_factory=dict)
    read: int = 0
    duplicates: int = 0
    rejected: RejectedRecords = field(default_factory=RejectedRecords)
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    converted: Counter[str] = field(default_factory=Counter)
    features: Any = None

    def count_label(self, split: str, label: str, *, times: int = 1) -> None:
        """Count records of a label."""
        self.labels.setdefault(split, Counter())[label] += times


@dataclass(frozen=True, kw_only=True)
class ConversionStats:
    """Counts of a whole conversion.

    Attributes:
        shards: in order.
        unlisted: records that were rejected before they were assigned to a shard.
        ignored: files that are no raw data.
    """

    shards: tuple[ShardStats, ...]
    unlisted: tuple[RejectedRecord, ...] = ()
    ignored: tuple[IgnoredFile, ...] = ()

    @property
    def rejected(self) -> list[RejectedRecord]:
        """Rejected records, sorted; the first of each shard and reason."""
        return sorted(
            [*self.unlisted, *(record for shard in self.shards for record in shard.rejected.listed)]
        )

    @property
    def rejected_by_reason(self) -> dict[str, int]:
        """Number of all rejected records by reason."""
        counts = Counter(record.reason for record in self.unlisted)
        for shard in self.shards:
            counts.update(shard.rejected.by_reason)
        return dict(sorted(counts.items()))

    @property
    def num_rejected(self) -> int:
        """Number of all rejected records."""
        return sum(self.rejected_by_reason.values())

    @property
    def rejected_fraction(self) -> float:
        """Fraction of the raw files, rows or images that was rejected, 0 to 1."""
        return self.num_rejected / self.read if self.read else 0.0

    @property
    def read(self) -> int:
        """Number of raw files, rows or images: records, duplicates and rejected ones."""
        return len(self.unlisted) + sum(shard.read for shard in self.shards)

    @property
    def duplicates(self) -> int:
        """Number of raw files that repeat another one."""
        return sum(shard.duplicates for shard in self.shards)

    @property
    def bytes(self) -> int:
        """Size of all shards."""
        return sum(file.bytes for shard in self.shards for file in shard.files.values())

    @property
    def converted(self) -> dict[str, int]:
        """Number of records whose bytes were changed, by the original format."""
        return dict(sorted(sum((shard.converted for shard in self.shards), Counter[str]()).items()))

    def records(self, split: str) -> int:
        """Return the number of records of a split."""
        return sum(shard.files[split].records for shard in self.shards)

    def labels(self, split: str) -> Counter[str]:
        """Return the number of records of a split by label."""
        return sum((shard.labels.get(split, Counter()) for shard in self.shards), Counter[str]())
