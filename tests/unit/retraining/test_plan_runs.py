"""Texts of a plan: times, durations and prices."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from retraining.errors import ConfigurationError
from retraining.plan.runs import format_duration, format_price, format_time, parse_time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2019-01-01", datetime(2019, 1, 1, tzinfo=UTC)),
        ("2019-01-01T06:30", datetime(2019, 1, 1, 6, 30, tzinfo=UTC)),
        ("2019-01-01T00:00+02:00", datetime(2019, 1, 1, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_parse_time_takes_utc_where_no_zone_is_said(text: str, time: datetime) -> None:
    assert parse_time(text) == time
    assert parse_time(format_time(time)) == time


def test_format_time_of_a_midnight_is_a_date() -> None:
    assert format_time(datetime(2019, 1, 1, tzinfo=UTC)) == "2019-01-01"


def test_parse_time_of_anything_else_says_what_was_expected() -> None:
    with pytest.raises(ConfigurationError, match="expected YYYY-MM-DD or ISO 8601, received 'soon'"):
        parse_time("soon")


@pytest.mark.parametrize(("seconds", "text"), [(45, "45 s"), (540, "9 min"), (9000, "2.5 h")])
def test_format_duration_chooses_the_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("dollars", "text"), [(0, "$0.00"), (0.004, "< $0.01"), (1.2, "$1.20")])
def test_format_price_shows_cents(dollars: float, text: str) -> None:
    assert format_price(dollars) == text
