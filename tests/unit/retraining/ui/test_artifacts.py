from collections import Counter
from typing import Any

import pytest

from retraining.ui.artifacts import (
    EXAMPLES_PER_REASON,
    read_conversion,
    read_first_golden,
    read_labels,
    read_rejected,
    read_training,
)

DATA, JOB = "gs://b/datasets/d/tfrecord/k/", "gs://b/runs/d/r/"


def rejected(reason: str, name: str) -> dict[str, str]:
    return {"uri": f"gs://b/raw/{name}", "reason": reason, "detail": "a detail"}


def test_read_conversion_gives_a_few_examples_of_each_reason(bucket: Any) -> None:
    bucket.put(DATA + "statistics.json", {"read": 12, "rejected": {"empty": 9, "truncated": 1}})
    lines = [rejected("empty", f"{i}.jpg") for i in range(9)] + [rejected("truncated", "x.jpg")]
    bucket.put_lines(DATA + "rejected/rejected.jsonl", lines)
    found = read_conversion(bucket, DATA)
    assert found is not None
    counts = Counter(item.reason for item in found.rejected)
    assert counts == {"empty": EXAMPLES_PER_REASON, "truncated": 1}
    assert (found.rejected[-1].index, found.rejected[-1].filename) == (9, "x.jpg")


def test_read_conversion_that_is_not_there_is_none(bucket: Any) -> None:
    assert read_conversion(bucket, DATA) is None


def test_read_rejected_of_no_such_index_says_how_many_there_are(bucket: Any) -> None:
    bucket.put_lines(DATA + "rejected/rejected.jsonl", [rejected("empty", "a.jpg")])
    assert read_rejected(bucket, DATA, 0).uri == "gs://b/raw/a.jpg"
    for index in (-1, 1):
        with pytest.raises(FileNotFoundError, match="one of 1 rejected records"):
            read_rejected(bucket, DATA, index)


def test_read_training_before_its_end_gives_what_there_is(bucket: Any) -> None:
    found = read_training(bucket, JOB)
    assert (found.evaluation, found.gate, found.golden, found.curves) == (None, None, [], {})


def test_read_training_reads_what_it_left(bucket: Any) -> None:
    bucket.put(JOB + "evaluation.json", {"labels": ["a"]})
    bucket.put(JOB + "gate.json", {"promote": True})
    bucket.put_lines(JOB + "golden.jsonl", [{"label": 1}, {"label": 2}])
    found = read_training(bucket, JOB)
    assert (found.evaluation, found.gate) == ({"labels": ["a"]}, {"promote": True})
    assert found.golden == [{"label": 1}, {"label": 2}]
    assert read_first_golden(bucket, JOB) == {"label": 1}
    assert read_labels(bucket, JOB) == ["a"]
