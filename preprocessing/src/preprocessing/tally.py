"""Counts what becomes of the raw data of a shard while it is being written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from preprocessing.rejections import Rejections
from preprocessing.summaries import Range, ShardFile, ShardSummary
from preprocessing.tables.statistics import TableStatistics


@dataclass(kw_only=True)
class Tally:
    """The counts, as far as they are known.

    Attributes:
        read: raw files, rows or images.
        duplicates: those with the bytes and the label of another one that became a record.
        rejections: those that did not become a record.
        labels: by split, the records of each label.
        converted: the records whose bytes were changed, by what they were before.
        heights: of the images, pixels.
        widths: of the images, pixels.
        table: what the features of a table hold.
    """

    read: int = 0
    duplicates: int = 0
    rejections: Rejections = field(default_factory=Rejections)
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    converted: Counter[str] = field(default_factory=Counter)
    heights: Counter[int] = field(default_factory=Counter)
    widths: Counter[int] = field(default_factory=Counter)
    table: TableStatistics | None = None

    def count_label(self, split: str, label: str, *, times: int = 1) -> None:
        """More records of a label."""
        self.labels.setdefault(split, Counter())[label] += times

    def summary(self, shard: int, files: Mapping[str, ShardFile]) -> ShardSummary:
        """What came of the shard, now that all of it is written."""
        return ShardSummary(
            shard=shard,
            files=files,
            read=self.read,
            duplicates=self.duplicates,
            rejected=tuple(self.rejections.listed),
            rejected_beyond=self.rejections.beyond,
            labels={split: dict(self.labels.get(split, {})) for split in files},
            converted=dict(self.converted),
            height=Range.of(self.heights),
            width=Range.of(self.widths),
            table=self.table,
        )
