"""The plan's command, and the intervals that Airflow computes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from airflow.sdk import DAG, CronDataIntervalTimetable

from retraining.errors import ConfigurationError
from retraining.plan.__main__ import main
from retraining.plan.airflow_runs import intervals
from retraining.plan.arguments import argument_parser

NOW = datetime(2019, 3, 15, tzinfo=UTC)
MONTHLY = DAG("monthly", schedule=CronDataIntervalTimetable("0 0 1 * *", "UTC"))


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def found(since: str, until: str, dag: DAG = MONTHLY) -> list[tuple[datetime, datetime]]:
    return [(one.start, one.end) for one in intervals(dag, since=day(since), until=day(until), now=NOW)]


def test_intervals_of_months_are_those_that_are_over() -> None:
    assert found("2019-01-01", "2019-12-31") == [
        (day("2019-01-01"), day("2019-02-01")),
        (day("2019-02-01"), day("2019-03-01")),
    ]


def test_intervals_until_a_day_hold_the_one_that_begins_with_its_midnight() -> None:
    assert len(found("2018-01-01", "2018-03-01")) == 3
    assert len(found("2018-01-02", "2018-03-31")) == 2


def test_intervals_have_the_run_ids_of_a_backfill() -> None:
    (one,) = intervals(MONTHLY, since=day("2019-01-01"), until=day("2019-01-31"), now=NOW)
    assert one.run_id.startswith("backfill__2019-02-01")
    assert one.logical_date == day("2019-01-01")


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        ("2019-02-01", "2019-01-01", "to: expected a time not before 2019-02-01.*, received 2019-01-01"),
        ("2019-04-01", "2019-05-01", "from: expected a time in the past, received 2019-04-01"),
    ],
)
def test_intervals_of_impossible_times_name_the_field(since: str, until: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        found(since, until)


def test_intervals_of_a_dag_without_schedule_say_what_is_lacking() -> None:
    with pytest.raises(
        ConfigurationError, match="schedule: expected a cron expression, without which by_hand"
    ):
        found("2019-01-01", "2019-02-01", DAG("by_hand", schedule=None))


def test_main_of_an_unknown_dataset_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["roses", "--from", "2019-01-01", "--to", "2019-02-01"])
    assert "dataset: expected one of autoencoder, census," in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--from", "soon", "--to", "2019-01-01"],
            "--from: expected YYYY-MM-DD or ISO 8601, received 'soon'",
        ),
        (
            ["--from", "2019-01-01", "--to", "2019-01-01", "--max-active-runs", "0"],
            "--max-active-runs: expected 1 or more, received '0'",
        ),
    ],
)
def test_argument_parser_refuses_and_names_the_argument(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        argument_parser("").parse_args(["trips", *arguments])
    assert message in capsys.readouterr().err


def test_argument_parser_keeps_a_zone_and_else_takes_utc() -> None:
    options = argument_parser("").parse_args(
        ["trips", "--from", "2019-01-01", "--to", "2019-02-01T00:00+02:00"]
    )
    assert options.since == day("2019-01-01")
    assert options.until.tzinfo == timezone(timedelta(hours=2))
