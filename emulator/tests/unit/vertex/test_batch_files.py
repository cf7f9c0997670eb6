"""Lines of batch prediction files, and the URIs that name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulator.errors import InvalidArgument
from emulator.vertex.batch_files import BatchOutput, Instance, InstanceShape, find_files


@pytest.mark.parametrize(
    ("shape", "line", "sent", "shown"),
    [
        ({}, '{"a": 1}', {"a": 1}, {"instance": {"a": 1}}),
        ({}, "[1, 2]", [1, 2], {"instance": [1, 2]}),
        ({"key_field": "k"}, '{"k": 7, "a": 1}', {"a": 1}, {"key": 7}),
        ({"excluded": ("b",)}, '{"a": 1, "b": 2}', {"a": 1}, {"instance": {"a": 1, "b": 2}}),
        (
            {"included": ("b", "a"), "instance_type": "array"},
            '{"a": 1, "b": 2, "c": 3}',
            [2, 1],
            {"instance": {"a": 1, "b": 2, "c": 3}},
        ),
    ],
)
def test_instance_is_what_the_shape_says(shape: dict[str, Any], line: str, sent: Any, shown: Any) -> None:
    instance = InstanceShape(**shape).instance(line, "here")
    assert (instance.sent, instance.shown, instance.error) == (sent, shown, "")


@pytest.mark.parametrize(
    ("shape", "line"),
    [({}, "{"), ({}, "NaN"), ({}, '"\udcff"'), ({"key_field": "k"}, "1"), ({"key_field": "k"}, '{"a": 1}')],
)
def test_line_that_is_no_instance_says_where_it_is(shape: dict[str, Any], line: str) -> None:
    assert InstanceShape(**shape).instance(line, "gs://b/o, line 3").error.startswith("gs://b/o, line 3: ")


def test_find_files_takes_names_and_wildcards_in_order(tmp_path: Path) -> None:
    for name in ("in/b.jsonl", "in/a.jsonl", "in/deep/c.jsonl", "in/d.csv"):
        (tmp_path / "bucket" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bucket" / name).touch()
    found = find_files(tmp_path, ["gs://bucket/in/d.csv", "gs://bucket/in/*.jsonl"])
    assert [uri.removeprefix("gs://bucket/in/") for uri, _ in found] == [
        "d.csv", "a.jsonl", "b.jsonl", "deep/c.jsonl",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "uri", ["gs://bucket/none", "gs://bucket/*.jsonl", "gs://bucket/../x", "/etc/passwd"]
)
def test_find_files_without_an_object_is_refused(tmp_path: Path, uri: str) -> None:
    (tmp_path / "bucket").mkdir()
    with pytest.raises(InvalidArgument):
        find_files(tmp_path, [uri])


def test_find_files_does_not_follow_a_link_out_of_the_bucket(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "bucket" / "a.jsonl").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidArgument, match="leads out of the bucket"):
        find_files(tmp_path, ["gs://bucket/*.jsonl"])


def test_output_begins_anew_and_counts(tmp_path: Path) -> None:
    for _ in range(2):
        with BatchOutput(tmp_path) as output:
            output.add(Instance(shown={"key": 1}), {"y": 2})
            output.refuse(Instance(shown={"key": 2}), "no")
    output.publish(tmp_path / "bucket" / "out")
    assert (output.succeeded, output.failed) == (1, 1)
    results = tmp_path / "bucket" / "out" / BatchOutput.RESULTS
    assert results.read_text() == '{"key": 1, "prediction": {"y": 2}}\n'
