from __future__ import annotations

import dataclasses
import json
from collections import Counter

import pytest

from contract import DataContract
from contract.artifacts import RejectedRecord
from contract.raw_data import IgnoredFile
from preprocessing import manifest
from preprocessing.conversion_stats import ConversionStats, RejectedRecords, ShardFile, ShardStats
from preprocessing.errors import TooManyRejectedError
from preprocessing.images import ImageStats, SizeRange


def _rejected(*records: RejectedRecord) -> RejectedRecords:
    rejected = RejectedRecords()
    for record in records:
        rejected.add(record)
    return rejected


STATS = ConversionStats(
    shards=(
        ShardStats(
            shard=0,
            files={"train": ShardFile(2, 200), "validation": ShardFile(0, 0)},
            read=4,
            duplicates=1,
            rejected=_rejected(RejectedRecord("/b", "truncated", "cut")),
            labels={"train": Counter(daisy=2)},
            converted=Counter(cmyk=1),
            features=ImageStats(height=SizeRange(2, 10, 20, 30), width=SizeRange(2, 30, 40, 70)),
        ),
        ShardStats(
            shard=1,
            files={"train": ShardFile(0, 0), "validation": ShardFile(1, 90)},
            read=1,
            duplicates=0,
            labels={"validation": Counter(roses=1)},
            features=ImageStats(height=SizeRange(1, 25, 25, 25), width=SizeRange(1, 15, 15, 15)),
        ),
    ),
    unlisted=(RejectedRecord("/a", "unreadable", "gone"),),
    ignored=(IgnoredFile("/b", "document"), IgnoredFile("/c", "hidden"), IgnoredFile("/d", "hidden")),
)


def test_dataset_info_has_the_length_of_every_shard(contract: DataContract) -> None:
    document = json.loads(manifest.dataset_info(contract, STATS).to_text())
    assert (document["name"], document["version"]) == ("flowers", "1.1.0")
    assert [(split["name"], split["shardLengths"], split["numBytes"]) for split in document["splits"]] == [
        ("train", ["2", "0"], "200"),
        ("validation", ["0", "1"], "90"),
    ]


def test_statistics_account_for_every_file(contract: DataContract) -> None:
    document = json.loads(manifest.dataset_statistics(contract, STATS).to_text())
    assert document == {
        "dataset": "flowers",
        "read": 6,
        "records": {"train": 2, "validation": 1},
        "rejected": {"truncated": 1, "unreadable": 1},
        "rejected_listed": 2,
        "rejected_fraction": 0.333333,
        "duplicates": 1,
        "ignored": {"document": 1, "hidden": 2},
        "converted": {"cmyk": 1},
        "bytes": 290,
        "labels": {"train": {"daisy": 2, "roses": 0}, "validation": {"daisy": 0, "roses": 1}},
        "numbers": {},
        "words": {},
        "image": {
            "height": {"min": 10, "max": 25, "mean": 18.33},
            "width": {"min": 15, "max": 40, "mean": 28.33},
        },
    }
    left = document["duplicates"] + sum(document["rejected"].values()) + sum(document["records"].values())
    assert document["read"] == left


def test_rejected_records_are_sorted_by_uri() -> None:
    lines = [json.loads(record.to_line()) for record in STATS.rejected]
    assert lines == [
        {"uri": "/a", "reason": "unreadable", "detail": "gone"},
        {"uri": "/b", "reason": "truncated", "detail": "cut"},
    ]


def test_check_rejected_at_the_allowed_fraction_passes(contract: DataContract) -> None:
    allowed = dataclasses.replace(contract, max_rejected_fraction=2 / 6)
    manifest.check_rejected(allowed, STATS, folder="/output")


def test_check_rejected_above_it_names_counts_and_examples(contract: DataContract) -> None:
    with pytest.raises(TooManyRejectedError) as caught:
        manifest.check_rejected(contract, STATS, folder="/output")
    assert str(caught.value) == (
        "flowers: 2 of 6 files rejected (33.3%), allowed are 5.0%: 1 truncated, 1 unreadable. "
        "First: /a: unreadable (gone); /b: truncated (cut). All of them: /output/rejected/rejected.jsonl"
    )


def test_check_rejected_of_a_conversion_without_records_raises(contract: DataContract) -> None:
    empty = ConversionStats(
        shards=(
            ShardStats(
                shard=0,
                files={"train": ShardFile(0, 0), "validation": ShardFile(0, 0)},
                features=ImageStats(),
            ),
        )
    )
    with pytest.raises(TooManyRejectedError, match=r"expected records, received none from 0 files$"):
        manifest.check_rejected(contract, empty, folder="/output")
    document = json.loads(manifest.dataset_statistics(contract, empty).to_text())
    assert document["image"]["height"] == {"min": None, "max": None, "mean": None}
