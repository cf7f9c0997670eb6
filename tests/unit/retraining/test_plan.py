"""Plan of a backfill: a pure function of its inputs."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

import contract as dc
from retraining.errors import ConfigurationError
from retraining.google.storage import RawObject
from retraining.plan import ScheduledRun, plan
from retraining.plan.__main__ import print_plan
from retraining.plan.runs import PastRun, Plan
from retraining.source import Source, snapshot_id
from retraining.tiers import load_tiers

TIERS = load_tiers()
SPEC = dc.DatasetSpec(
    contract=dc.DataContract(
        name="trips", record_format="csv", csv=dc.CsvFormat(), features=(dc.number("a"), dc.target("b"))
    ),
    source="trips",
    schedule="0 0 1 * *",
    partition="trips_%Y-%m.csv",
    window="P1M",
    training=dc.TrainingSpec(arguments={"model": "regression"}),
    gate=dc.GateSpec(metric="mae", direction="lower", threshold=1),
)
TASKS = {"upload_data": 10.0, "convert_to_tfrecord": 60.0, "train": 3600.0, "smoke_predict": 20.0}


def month(number: int) -> datetime:
    return datetime(2019 + (number - 1) // 12, (number - 1) % 12 + 1, 1, tzinfo=UTC)


SCHEDULE = [
    ScheduledRun(
        run_id=f"backfill__{number}", logical_date=month(number), start=month(number), end=month(number + 1)
    )
    for number in range(1, 13)
]
NAMES = [f"trips_2019-{number:02}.csv" for number in range(1, 13)]


def describe(names: Collection[str]) -> list[RawObject]:
    return [RawObject(name=name, size=1, crc32c="x") for name in names]


class Files(Source):
    """Files of one byte each; a plan takes them nowhere."""

    def __init__(self, names: Sequence[str]) -> None:
        self.location, self.names = "gs://raw/trips/", names

    def describe(self, chosen: Collection[str]) -> list[RawObject]:
        return describe(chosen)

    def sizes(self, chosen: Collection[str]) -> dict[str, int]:
        return dict.fromkeys(chosen, 1)

    def bring(self, name: str, uri: str) -> None:
        raise AssertionError(f"{name} was brought to {uri}")


def key(number: int) -> str:
    return SPEC.contract.conversion_key(snapshot_id(describe([NAMES[number - 1]])))


def past(number: int, state: str = "success", **fields: Any) -> PastRun:
    found = {"run_id": f"old__{number}", "tier": "BASIC", "converted": True, "seconds": TASKS, **fields}
    return PastRun(logical_date=month(number), state=state, **found)


def make(spec: dc.DatasetSpec = SPEC, *, names: Sequence[str] = (*NAMES, "README.txt"), **given: Any) -> Plan:
    arguments: dict[str, Any] = {
        "schedule": SCHEDULE,
        "history": [],
        "is_converted": lambda _: False,
        "tiers": TIERS,
        "tier": TIERS["BASIC"],
        **given,
    }
    source = Files(names)
    return plan(spec, dag_id="trips_training", source=source, **arguments)


def test_plan_of_twelve_months_of_which_six_are_converted_tells_six_jobs() -> None:
    there = {key(number) for number in range(1, 7)}
    made = make(is_converted=there.__contains__)
    assert [run.conversion for run in made.runs] == ["done"] * 6 + ["job"] * 6
    assert made.num_dataflow_jobs == 6
    assert made.summary() == "12 runs: 6 already converted, 6 Dataflow jobs; time and cost unknown on BASIC"
    first = made.runs[0]
    assert (first.run_id, first.action, first.files) == ("backfill__1", "create", (NAMES[0],))
    assert (first.data_from, first.data_until, first.remark) == (month(1), month(2), "2019-01")
    assert first.snapshot == snapshot_id(describe([NAMES[0]]))


def test_plan_of_runs_that_see_the_same_data_converts_it_once() -> None:
    whole = dc.DatasetSpec(
        contract=SPEC.contract, source="trips", schedule="@daily", training=SPEC.training, gate=SPEC.gate
    )
    made = make(whole, schedule=SCHEDULE[:3])
    assert [run.conversion for run in made.runs] == ["job", "shared", "shared"]
    assert len({run.key for run in made.runs}) == 1
    assert "3 runs: 2 sharing another's conversion, 1 Dataflow job;" in made.summary()


@pytest.mark.parametrize(
    ("reprocess", "actions"),
    [
        ("none", ["leave", "leave", "leave", "create"]),
        ("failed", ["leave", "repeat", "leave", "create"]),
        ("completed", ["repeat", "repeat", "leave", "create"]),
    ],
)
def test_plan_leaves_runs_that_exist_as_airflow_does(reprocess: Any, actions: list[str]) -> None:
    there = [past(1), past(2, "failed"), past(3, "running")]
    made = make(schedule=SCHEDULE[:4], history=there, reprocess=reprocess)
    assert [run.action for run in made.runs] == actions
    assert [run.run_id for run in made.runs] == ["old__1", "old__2", "old__3", "backfill__4"]
    assert made.runs[2].reason == "a run of this interval is under way: running"
    assert {run.conversion for run in made.runs if run.action == "leave"} == {None}


def test_plan_of_a_month_without_data_says_that_it_would_fail() -> None:
    made = make(names=NAMES[:2], schedule=SCHEDULE[:3])
    assert [run.action for run in made.runs] == ["create", "create", "lack"]
    assert made.runs[2].reason == "would fail: no data for 2019-03 yet: the newest is of 2019-02"
    assert "1 without their newest data, 2 Dataflow jobs" in made.summary()


def test_plan_of_a_source_without_partitions_names_the_pattern() -> None:
    with pytest.raises(ConfigurationError, match=r"expected files named trips_%Y-%m\.csv, received README"):
        make(names=["README.txt"])


def test_plan_estimates_by_earlier_runs_on_the_tier() -> None:
    made = make(
        schedule=SCHEDULE[1:3], history=[past(1)], parallel=2, is_converted=lambda found: found == key(2)
    )
    assert [run.seconds for run in made.runs] == [3630, 3690]
    assert [run.dollars for run in made.runs] == pytest.approx([0.21849885] * 2)
    (estimate,) = made.estimates
    assert (estimate.measured, estimate.seconds, estimate.unknown) == (1, 3690, "")
    assert made.summary().endswith("about 62 min and $0.44 on BASIC")


@pytest.mark.parametrize(("parallel", "seconds"), [(1, 12 * 3690), (4, 3 * 3690), (12, 3690)])
def test_plan_estimates_parallel_runs(parallel: int, seconds: float) -> None:
    before = PastRun(
        run_id="old", logical_date=None, state="success", tier="BASIC", converted=True, seconds=TASKS
    )
    assert make(history=[before], parallel=parallel).estimates[0].seconds == seconds


def test_plan_knows_that_endpoints_are_used_by_one_run_at_a_time() -> None:
    slow = {"train": 1.0, "convert_to_tfrecord": 1.0, "smoke_predict": 60.0, "promote": 40.0}
    before = PastRun(
        run_id="old", logical_date=None, state="success", tier="BASIC", converted=True, seconds=slow
    )
    assert make(history=[before], parallel=12).estimates[0].seconds == 1200


def test_plan_on_a_tier_without_experience_or_price_says_so_and_compares() -> None:
    made = make(schedule=SCHEDULE[1:2], history=[past(1)], tier=TIERS["L4"])
    first, second = made.estimates
    assert (first.tier, first.seconds, first.dollars) == ("L4", None, None)
    assert first.unknown == (
        "no earlier run on L4 has succeeded; L4 has no dollars_per_hour in the file of tiers"
    )
    assert (second.tier, second.seconds) == ("BASIC", 3690)
    assert made.summary().endswith("time and cost unknown on L4")


def test_plan_without_a_measured_conversion_does_not_guess_the_time() -> None:
    made = make(schedule=SCHEDULE[1:2], history=[past(1, converted=False)])
    assert made.runs[0].seconds is None
    assert made.estimates[0].unknown == "no recent run has converted its data"
    assert made.summary().endswith("time unknown and $0.22 on BASIC")


def test_plan_of_a_good_run_that_is_made_again_counts_no_training() -> None:
    made = make(
        schedule=SCHEDULE[:2],
        history=[past(1)],
        reprocess="completed",
        is_converted=lambda found: found == key(1),
    )
    assert [run.trains for run in made.runs] == [False, True]
    assert [run.seconds for run in made.runs] == [30, 3690]
    assert [run.dollars for run in made.runs] == pytest.approx([0, 0.21849885])


def test_plan_of_no_interval_says_so() -> None:
    assert make(schedule=[]).summary().startswith("no runs: no interval")


def test_to_json_is_json_with_times_and_totals() -> None:
    document = json.loads(json.dumps(make(schedule=SCHEDULE[:2]).to_json()))
    assert document["runs"][0]["start"] == "2019-01-01T00:00:00+00:00"
    assert (document["dataset"], document["dataflow_jobs"]) == ("trips", 2)


def test_print_plan_prints_every_run_and_what_is_not_known() -> None:
    text = io.StringIO()
    there = [past(1), past(2, "failed")]
    made = make(names=NAMES[:3], schedule=SCHEDULE[:4], history=there, reprocess="failed", tier=TIERS["L4"])
    print_plan(made, Console(file=text, width=200))
    lines = text.getvalue().splitlines()
    assert "a run of this interval exists: success" in lines[1]
    assert "repeated (failed)" in lines[2]
    assert "Dataflow job" in lines[3]
    assert "no data for 2019-04 yet" in lines[4]
    assert "no dollars_per_hour" in text.getvalue()
