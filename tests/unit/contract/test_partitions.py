"""Files by their time, and windows over them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import (
    ContractError,
    DataContract,
    DatasetSpec,
    GateSpec,
    TrainingSpec,
    image_features,
)
from contract.partitions import Duration, Interval, Partitioning

MONTHS = Partitioning(pattern="trips_%Y-%m.csv", window="P12M")
DAYS = Partitioning(pattern="%Y/%m/%d.csv")
YEARS = Partitioning(pattern="%Y.csv")


@pytest.mark.parametrize(
    ("partitioning", "name", "interval"),
    [
        (MONTHS, "trips_2018-01.csv", (date(2018, 1, 1), date(2018, 2, 1))),
        (MONTHS, "yellow/trips_2018-12.csv", (date(2018, 12, 1), date(2019, 1, 1))),
        (DAYS, "2020/02/29.csv", (date(2020, 2, 29), date(2020, 3, 1))),
        (YEARS, "1999.csv", (date(1999, 1, 1), date(2000, 1, 1))),
        (Partitioning(pattern="100%%_%Y"), "100%_2020", (date(2020, 1, 1), date(2021, 1, 1))),
    ],
)
def test_interval_of_a_partition_is_what_its_name_says(
    partitioning: Partitioning, name: str, interval: tuple[date, date]
) -> None:
    assert partitioning.interval_of(name) == Interval(*interval)


@pytest.mark.parametrize(
    ("partitioning", "name"),
    [
        (MONTHS, "README.txt"),
        (MONTHS, "trips_2018-1.csv"),
        (MONTHS, "trips_2018-13.csv"),
        (MONTHS, "trips_2018-01.csv.bak"),
        (DAYS, "backup/2020/02/29.csv"),
        (DAYS, "2019/02/29.csv"),
    ],
)
def test_interval_of_another_file_is_none(partitioning: Partitioning, name: str) -> None:
    assert partitioning.interval_of(name) is None


@pytest.mark.parametrize(
    "pattern", ["trips.csv", "%m.csv", "%Y-%d.csv", "%Y-%m-%H.csv", "%Y%Y.csv", "%y.csv", "%Y%", ""]
)
def test_partitioning_by_another_pattern_names_the_field(pattern: str) -> None:
    with pytest.raises(ContractError, match=r"partition: expected a name with %Y") as caught:
        Partitioning(pattern=pattern)
    assert caught.value.field == "partition"


@pytest.mark.parametrize(
    ("text", "duration"),
    [("P12M", (12, 0)), ("P1Y", (12, 0)), ("P30D", (0, 30)), ("P1Y6M2D", (18, 2))],
)
def test_duration_parse_of_whole_units(text: str, duration: tuple[int, int]) -> None:
    assert Duration.parse(text) == duration


@pytest.mark.parametrize(
    "text", ["", "P", "P0M", "12M", "P-1M", "P1.5M", "PT12H", "P2W", "P1M1Y", "P\u0661M"]
)
def test_duration_parse_of_anything_else_names_the_field(text: str) -> None:
    with pytest.raises(ContractError, match=r"window: expected a duration"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("text", "day", "before"),
    [
        ("P12M", date(2019, 2, 1), date(2018, 2, 1)),
        ("P1M", date(2019, 3, 31), date(2019, 2, 28)),
        ("P1Y", date(2020, 2, 29), date(2019, 2, 28)),
        ("P30D", date(2019, 3, 1), date(2019, 1, 30)),
        ("P1M1D", date(2019, 1, 1), date(2018, 11, 30)),
    ],
)
def test_duration_before_counts_by_the_calendar(text: str, day: date, before: date) -> None:
    assert Duration.parse(text).before(day) == before


@pytest.mark.parametrize("text", ["P3000Y", "P9999999D", "P99999999999D"])
def test_duration_before_the_first_year_names_the_field(text: str) -> None:
    with pytest.raises(ContractError, match="window: expected a start after the year 1"):
        Duration.parse(text).before(date(2019, 1, 1))


@pytest.mark.parametrize(
    ("pattern", "window", "unit"),
    [("%Y-%m", "P30D", "month"), ("%Y", "P11M", "year"), ("%Y", "P365D", "year")],
)
def test_partitioning_with_a_window_that_holds_no_partition_names_it(
    pattern: str, window: str, unit: str
) -> None:
    with pytest.raises(ContractError, match=f"window: expected at least one {unit}, received '{window}'"):
        Partitioning(pattern=pattern, window=window)


@pytest.mark.parametrize(
    ("partitioning", "end"),
    [(MONTHS, date(2019, 2, 1)), (DAYS, date(2019, 2, 14)), (YEARS, date(2019, 1, 1))],
)
def test_last_end_is_that_of_the_newest_partition_that_is_over(partitioning: Partitioning, end: date) -> None:
    assert partitioning.last_end(date(2019, 2, 14)) == end
    assert partitioning.last_end(end) == end


def test_window_start_is_the_windows_length_before_its_end() -> None:
    assert MONTHS.window_start(date(2019, 2, 1)) == date(2018, 2, 1)
    assert DAYS.window_start(date(2019, 2, 1)) is None


@given(st.dates(date(1900, 1, 1), date(9000, 1, 1)))
def test_intervals_follow_each_other_without_a_gap(day: date) -> None:
    for partitioning in (YEARS, MONTHS, DAYS):
        end = partitioning.last_end(day)
        last = partitioning.newest_before(end)
        assert partitioning.interval_of(last.start.strftime(partitioning.pattern)) == last
        assert list(partitioning.between(last.start, end)) == [last]
        assert partitioning.last_end(last.end - timedelta(days=1)) == last.start or partitioning is DAYS


def test_between_and_label_name_every_partition() -> None:
    found = [MONTHS.label(start) for start, _ in MONTHS.between(date(2018, 11, 1), date(2019, 2, 1))]
    assert found == ["2018-11", "2018-12", "2019-01"]


@pytest.mark.parametrize(
    ("partition", "window", "field"),
    [("trips.csv", None, "partition"), ("%Y.csv", "P1M", "window"), (None, "P12M", "window")],
)
def test_dataset_spec_checks_partition_and_window(
    partition: str | None, window: str | None, field: str
) -> None:
    with pytest.raises(ContractError) as caught:
        DatasetSpec(
            contract=DataContract(name="f", record_format="image", features=image_features(("a", "b"))),
            source="f",
            training=TrainingSpec(),
            gate=GateSpec(metric="accuracy", direction="higher", threshold=0.5),
            partition=partition,
            window=window,
        )
    assert caught.value.field == field
