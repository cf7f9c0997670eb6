"""Files that a run may see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contract import (
    ContractError,
    CsvFormat,
    DataContract,
    DatasetSpec,
    GateSpec,
    TrainingSpec,
    number,
    target,
)
from retraining.context import Run
from retraining.errors import ConfigurationError, NoDataYetError
from retraining.window import Window, resolve_window

CONTRACT = DataContract(
    name="trips", record_format="csv", csv=CsvFormat(), features=(number("distance"), target("fare"))
)
MONTHS = DatasetSpec(
    contract=CONTRACT,
    source="trips",
    training=TrainingSpec(),
    gate=GateSpec(metric="rmse", direction="lower", threshold=1.0),
    partition="trips_%Y-%m.csv",
    window="P3M",
)
NAMES = [f"trips_2018-{month:02}.csv" for month in range(1, 9)]
READ = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)


def time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(
    until: str,
    *,
    has_data_interval: bool = True,
    names: list[str] = NAMES,
    spec: DatasetSpec = MONTHS,
    **params: Any,
) -> Window:
    run = Run(dag_id="d", run_id="r", data_until=time(until), has_data_interval=has_data_interval)
    return resolve_window(names, spec, run, params, read=READ)


def test_look_of_an_interval_sees_the_window_that_ends_with_it() -> None:
    found = window("2018-05-01")
    assert found.names == {"trips_2018-02.csv", "trips_2018-03.csv", "trips_2018-04.csv"}
    assert (found.data_from, found.data_until) == (time("2018-02-01"), time("2018-05-01"))
    assert found.remark == "2018-02 to 2018-04"


def test_look_of_an_interval_that_ends_within_a_month_ends_with_the_month_before() -> None:
    assert window("2018-05-17T12:00") == window("2018-05-01")


def test_look_at_the_beginning_of_the_data_sees_what_there_is() -> None:
    found = window("2018-02-01")
    assert found.names == {"trips_2018-01.csv"}
    assert (found.data_from, found.remark) == (time("2018-01-01"), "2018-01")


@pytest.mark.parametrize("data_until", ["2018-10-01", "2019-01-01"])
def test_look_of_an_interval_without_its_newest_month_says_what_is_lacking(data_until: str) -> None:
    month = {"2018-10-01": "2018-09", "2019-01-01": "2018-12"}[data_until]
    with pytest.raises(NoDataYetError, match=f"no data for {month} yet: the newest is of 2018-08"):
        window(data_until)


@pytest.mark.parametrize(
    ("timezone", "delay", "until"),
    [
        ("UTC", "P7D", "2018-10-08T00:00+00:00"),
        ("UTC", "P2M3D", "2018-12-04T00:00+00:00"),
        ("Europe/Berlin", "P7D", "2018-10-08T00:00+02:00"),
    ],
)
def test_look_for_late_data_says_until_when_to_wait(timezone: str, delay: str, until: str) -> None:
    spec = replace(MONTHS, timezone=timezone, max_data_delay=delay)
    with pytest.raises(NoDataYetError) as caught:
        window("2018-10-01T04:00", spec=spec)
    assert caught.value.until == datetime.fromisoformat(until)


def test_look_of_an_interval_takes_its_days_in_the_time_zone_of_the_schedule() -> None:
    # Midnight of 1 May in Berlin: April is over there, and not yet in UTC.
    found = window("2018-04-30T22:00", spec=replace(MONTHS, timezone="Europe/Berlin"))
    assert max(found.names) == "trips_2018-04.csv"
    assert found.data_until.isoformat() == "2018-05-01T00:00:00+02:00"
    assert max(window("2018-04-30T22:00").names) == "trips_2018-03.csv"


def test_look_by_hand_ends_with_the_newest_month_that_there_is() -> None:
    found = window("2026-11-21", has_data_interval=False)
    assert found.data_until == time("2018-09-01")
    assert found.names == {"trips_2018-06.csv", "trips_2018-07.csv", "trips_2018-08.csv"}


@pytest.mark.parametrize("data_until", ["2018-04-01", "2018-04-30"])
def test_look_by_hand_until_a_day_sees_no_month_that_ends_after_it(data_until: str) -> None:
    found = window("2026-11-21", has_data_interval=False, data_until=data_until)
    assert found.data_until == time("2018-04-01")
    assert max(found.names) == "trips_2018-03.csv"


def test_look_names_what_is_missing_and_what_it_passes_over() -> None:
    names = [*NAMES[:2], *NAMES[3:], "README.txt", "c", "b", "a"]
    assert window("2018-05-01", names=names).remark == (
        "2018-02 to 2018-04; missing: 2018-03; "
        "passed over, being no month's data: README.txt, a, b and 1 more"
    )


def test_look_without_a_window_sees_everything_before_the_end() -> None:
    found = window("2018-05-01", spec=replace(MONTHS, window=None))
    assert found.names == set(NAMES[:4])


@pytest.mark.parametrize(("length", "first"), [("P1M", 4), ("P2M", 3), (None, 1)])
def test_look_with_another_window_sees_as_far_back_as_that(length: str | None, first: int) -> None:
    found = window("2018-05-01", window=length)
    assert found.names == set(NAMES[first - 1 : 4])
    assert found.data_until == time("2018-05-01")


def test_look_with_a_window_that_holds_no_partition_names_it() -> None:
    with pytest.raises(ContractError, match=r"window: expected at least one month, received 'P3D'"):
        window("2018-05-01", window="P3D")


@pytest.mark.parametrize("until", ["2018-05-01", "2099-01-01"])
def test_look_without_partitions_sees_everything_as_it_is_when_it_is_read(until: str) -> None:
    found = window(until, names=["a", "b"], spec=replace(MONTHS, partition=None, window=None))
    assert found == Window(names=frozenset({"a", "b"}), data_from=None, data_until=READ)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"names": ["README.txt"]},
            r"source: expected files named trips_%Y-%m\.csv, received README\.txt$",
        ),
        (
            {"has_data_interval": False, "data_until": "2018-01-31"},
            "source: expected data that ends by 2018-01-31, received none before 2018-01",
        ),
        ({"has_data_interval": False, "data_until": "soon"}, "data_until: expected a date, YYYY-MM-DD"),
        ({"data_until": "2018-04-01"}, "data_until: expected nothing in a run of an interval"),
    ],
)
def test_look_of_what_can_not_be_names_it(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        window("2018-05-01", **arguments)
