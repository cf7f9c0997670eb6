"""Filters of the Logging query language choose the entries that they should."""

import re
from typing import Any

import pytest

from emulator.errors import InvalidArgument
from emulator.filter_conditions import required_value
from emulator.filters import parse_filter

ENTRY: dict[str, Any] = {
    "logName": "projects/p/logs/dataflow.googleapis.com%2Fworker",
    "resource": {"type": "ml_job", "labels": {"job_id": "123", "task_name": "workerpool0-0"}},
    "labels": {"compute.googleapis.com/resource_name": "cmle-1", "team": "Flowers"},
    "timestamp": "2026-01-31T12:00:00.500000Z",
    "severity": "WARNING",
    "insertId": "123.log.000000007",
    "jsonPayload": {"message": 'Loss is "nan" at step 40', "step": 40, "attrs": {"tag": "chief"}},
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        'resource.type="ml_job"',
        'resource.type="ml_job" AND resource.labels.job_id="123"',
        "resource.type=ml_job resource.labels.job_id=123",
        'resource.type="ml_job"\nresource.labels.task_name:"workerpool0"  -- the chief',
        'labels."compute.googleapis.com/resource_name"="cmle-1"',
        "labels.team=flowers",
        'labels.team="FLOWERS"',
        'timestamp>="2026-01-31T12:00:00Z" AND timestamp<"2026-01-31T12:00:01Z"',
        'timestamp>="2026-01-31T13:00:00.000000+01:00"',
        'timestamp>"2026-01-31"',
        'severity>=WARNING severity<"ERROR" severity!=INFO',
        "severity=warning",
        "jsonPayload.step>39",
        "jsonPayload.step=40",
        "jsonPayload.message:NAN",
        r'jsonPayload.message:"\"nan\" at"',
        "jsonPayload.message:'\"nan\"'",
        'jsonPayload.message=~"step \\\\d+$"',
        'jsonPayload.message!~"^step"',
        "jsonPayload.attrs.tag:*",
        "jsonPayload:chief",
        "labels:team",
        "nan",
        '"at step"',
        "NOT jsonPayload.message:inf",
        "-jsonPayload.message:inf",
        "-inf",
        "NOT textPayload:robot",
        "NOT NOT nan",
        'resource.labels.job_id=("122" OR "123")',
        "jsonPayload.message:(nan AND NOT inf)",
        'log_id("dataflow.googleapis.com/worker")',
        'logName="projects/p/logs/dataflow.googleapis.com%2Fworker"',
        'insertId>"123.log.000000006"',
        '((timestamp="2026-01-31T12:00:00.5Z" AND insertId>"1") OR timestamp>"2026-01-31T12:00:00.5Z")',
        # OR binds more tightly than AND.
        "nan OR nothing AND step OR nothing",
        "(inf AND nothing) OR nan",
    ],
)
def test_parse_filter_matching_entry_matches(text: str) -> None:
    assert parse_filter(text).matches(ENTRY)


@pytest.mark.parametrize(
    "text",
    [
        'resource.type="dataflow_step"',
        'resource.labels.job_id="12"',
        'timestamp>"2026-01-31T12:00:00.5Z"',
        "severity>=ERROR",
        "jsonPayload.step>40",
        "jsonPayload.step<5",
        'jsonPayload.message=~"STEP"',
        "textPayload:nan",
        "textPayload!=nan",
        "textPayload>=a",
        'textPayload!~"nan"',
        "jsonPayload.nothing:*",
        "inf",
        "NOT nan",
        "jsonPayload.attrs=chief",
        'resource.labels.job_id=("1" OR "2")',
        'log_id("worker")',
        "nan OR nothing AND inf OR nothing",
        "nan inf",
    ],
)
def test_parse_filter_other_entry_does_not_match(text: str) -> None:
    assert not parse_filter(text).matches(ENTRY)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resource.type=", "expected a value, received the end"),
        ("(nan", "expected ), received the end"),
        ("nan)", "expected the end, received ')' at 3"),
        ('message="open', "unexpected '\"' at 8"),
        ("timestamp>yesterday", "timestamp: expected a time in RFC 3339, received 'yesterday'"),
        ("severity>=BAD", "severity: expected a severity's name, received 'BAD'"),
        ('message=~"("', "message: '(' is no regular expression"),
        ("sample(insertId, 0.1)", "the function sample is not emulated"),
        ("AND nan", "expected a field or text, received 'AND' at 0"),
        ("nan AND", "expected a field or text, received the end"),
        ("field=(a OR)", "expected a value, received ')' at 11"),
    ],
)
def test_parse_filter_with_error_says_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(message)):
        parse_filter(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('resource.type="ml_job" AND resource.labels.job_id="123" AND nan', "123"),
        ('(resource.labels.job_id="123") severity>=INFO', "123"),
        ('resource.labels.job_id="123" OR nan', None),
        ('NOT resource.labels.job_id="123"', None),
        ('resource.labels.job_id:"123"', None),
        ("", None),
    ],
)
def test_required_value_is_only_what_every_match_has(text: str, value: str | None) -> None:
    assert required_value(parse_filter(text), ("resource", "labels", "job_id")) == value
