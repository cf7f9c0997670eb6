"""Times as people write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from retraining.errors import ConfigurationError
from retraining.plan.times import read_time, time_text


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2019-01-01", datetime(2019, 1, 1, tzinfo=UTC)),
        ("2019-01-01T06:30", datetime(2019, 1, 1, 6, 30, tzinfo=UTC)),
        ("2019-01-01T00:00+02:00", datetime(2019, 1, 1, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_read_time_takes_utc_where_no_zone_is_said(text: str, time: datetime) -> None:
    assert read_time(text) == time
    assert read_time(time_text(time)) == time


def test_time_text_of_a_midnight_is_a_date() -> None:
    assert time_text(datetime(2019, 1, 1, tzinfo=UTC)) == "2019-01-01"


def test_read_time_of_anything_else_says_what_was_expected() -> None:
    with pytest.raises(ConfigurationError, match="expected YYYY-MM-DD or ISO 8601, received 'soon'"):
        read_time("soon")
