from __future__ import annotations

import dataclasses
import json

import pytest

from contract import DataContract
from preprocessing import manifest
from preprocessing.errors import TooManyRejectedError
from preprocessing.rejections import Rejected
from preprocessing.summaries import Range, ShardFile, ShardSummary, Summary

SUMMARY = Summary(
    shards=(
        ShardSummary(
            shard=0,
            files={"train": ShardFile(2, 200), "validation": ShardFile(0, 0)},
            read=4,
            duplicates=1,
            rejected=(Rejected("/b", "truncated", "cut"),),
            labels={"train": {"daisy": 2}, "validation": {}},
            converted={"cmyk": 1},
            height=Range(2, 10, 20, 30),
            width=Range(2, 30, 40, 70),
        ),
        ShardSummary(
            shard=1,
            files={"train": ShardFile(0, 0), "validation": ShardFile(1, 90)},
            read=1,
            duplicates=0,
            labels={"validation": {"roses": 1}},
            height=Range(1, 25, 25, 25),
            width=Range(1, 15, 15, 15),
        ),
    ),
    unlisted=(Rejected("/a", "unreadable", "gone"),),
    ignored=3,
)


def test_dataset_info_has_the_length_of_every_shard(contract: DataContract) -> None:
    document = json.loads(manifest.dataset_info(contract, SUMMARY))
    assert (document["name"], document["version"]) == ("flowers", "1.0.0")
    assert [(split["name"], split["shardLengths"], split["numBytes"]) for split in document["splits"]] == [
        ("train", ["2", "0"], "200"),
        ("validation", ["0", "1"], "90"),
    ]


def test_statistics_account_for_every_file(contract: DataContract) -> None:
    document = json.loads(manifest.statistics(contract, SUMMARY))
    assert document == {
        "dataset": "flowers",
        "read": 6,
        "records": {"train": 2, "validation": 1},
        "rejected": {"truncated": 1, "unreadable": 1},
        "rejected_listed": 2,
        "rejected_fraction": 0.333333,
        "duplicates": 1,
        "ignored": 3,
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


def test_rejected_lines_are_sorted_by_uri() -> None:
    lines = [json.loads(line) for line in manifest.rejected_lines(SUMMARY).splitlines()]
    assert lines == [
        {"uri": "/a", "reason": "unreadable", "detail": "gone"},
        {"uri": "/b", "reason": "truncated", "detail": "cut"},
    ]


def test_check_rejected_at_the_allowed_fraction_passes(contract: DataContract) -> None:
    allowed = dataclasses.replace(contract, max_rejected_fraction=2 / 6)
    manifest.check_rejected(allowed, SUMMARY, where="/output")


def test_check_rejected_above_it_names_counts_and_examples(contract: DataContract) -> None:
    with pytest.raises(TooManyRejectedError) as caught:
        manifest.check_rejected(contract, SUMMARY, where="/output")
    assert str(caught.value) == (
        "flowers: 2 of 6 files rejected (33.3%), allowed are 5.0%: 1 truncated, 1 unreadable. "
        "First: /a: unreadable (gone); /b: truncated (cut). All of them: /output/rejected/rejected.jsonl"
    )


def test_check_rejected_of_a_conversion_without_records_raises(contract: DataContract) -> None:
    empty = Summary(
        shards=(
            ShardSummary(
                shard=0,
                files={"train": ShardFile(0, 0), "validation": ShardFile(0, 0)},
                read=0,
                duplicates=0,
            ),
        )
    )
    with pytest.raises(TooManyRejectedError, match=r"expected records, received none from 0 files$"):
        manifest.check_rejected(contract, empty, where="/output")
    document = json.loads(manifest.statistics(contract, empty))
    assert document["image"]["height"] == {"min": None, "max": None, "mean": None}
