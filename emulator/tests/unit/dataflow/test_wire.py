"""Parameters of Dataflow's requests."""

import pytest
from google.cloud.dataflow_v1beta3 import types

from emulator.dataflow import wire
from emulator.errors import InvalidArgument


@pytest.mark.parametrize("text", ["JOB_VIEW_ALL", "2"])
def test_enum_parameter_takes_names_and_numbers(text: str) -> None:
    assert wire.enum_parameter({"view": text}, "view", types.JobView) == "JOB_VIEW_ALL"


def test_enum_parameter_without_value_is_the_first() -> None:
    assert wire.enum_parameter({}, "view", types.JobView) == "JOB_VIEW_UNKNOWN"


@pytest.mark.parametrize("text", ["JOB_VIEW_NONE", "99"])
def test_enum_parameter_with_unknown_value_is_refused(text: str) -> None:
    with pytest.raises(
        InvalidArgument, match=f"view: expected one of JOB_VIEW_UNKNOWN, .* received '{text}'"
    ):
        wire.enum_parameter({"view": text}, "view", types.JobView)


def test_parse_time_takes_nanoseconds() -> None:
    time = wire.parse_time("2026-01-31T12:00:00.123456789Z", field="startTime")

    assert time.isoformat() == "2026-01-31T12:00:00.123456+00:00"


@pytest.mark.parametrize("text", ["yesterday", "2026-01-31T12:00:00"])
def test_parse_time_without_zone_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="startTime: expected a time in RFC 3339"):
        wire.parse_time(text, field="startTime")


def test_page_goes_through_all_items_once() -> None:
    items = [(number, f"item {number}") for number in range(-7, 0)]
    seen: list[str] = []
    token = ""
    while True:
        shown, token = wire.page(items, {"pageSize": "3", "pageToken": token})
        seen += shown
        if not token:
            break

    assert seen == [item for _, item in items]


@pytest.mark.parametrize("query", [{"pageSize": "-1"}, {"pageSize": "many"}, {"pageToken": "x"}])
def test_page_with_bad_parameter_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        wire.page([(1, "item")], query)
