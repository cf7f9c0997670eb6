"""A job's lines in the task's log: all of them, its own alone, and never at the task's cost."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from retraining.context import run_context
from retraining.google import jobs
from retraining.google.calls import call_errors
from retraining.google.jobs import JobLogs

LIST = "logging.entries.list"
CREATED = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "FIRST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(jobs, "LAST_LINES_SECONDS", 1.0)


@pytest.mark.usefixtures("little_patience")
@pytest.mark.parametrize("status", [403, 429, 503])
def test_train_whose_lines_are_refused_for_good_succeeds_with_one_warning(
    chain: Any, tmp_path: Path, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    go = tmp_path / "go"
    chain.fault(LIST, http_status=status, count=1000)
    threading.Timer(1, go.touch).start()
    result = chain.with_params(until=str(go)).train()
    chain.emulator.clear_faults()
    assert result["metrics"] == {"accuracy": 0.9, "loss": 0.3}
    log = capsys.readouterr().out
    assert log.count("can't be read") == 1
    assert "[warning" in log


@pytest.mark.usefixtures("little_patience")
def test_train_whose_lines_are_refused_for_a_while_has_all_of_them_in_the_end(
    chain: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    chain.fault(LIST, http_status=429, count=3)
    chain.train()
    log = capsys.readouterr().out
    assert "| training on" in log
    assert "| trained" in log


def test_deferred_train_has_the_lines_of_a_whole_job_of_days(
    chain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.fault("slow_start", delay_seconds=1)
    with pytest.raises(TaskDeferred) as raised:
        chain.execute(chain.trainer(deferrable=True))
    trigger = raised.value.trigger

    async def wait() -> Any:
        event = await anext(trigger.run())
        await trigger.cleanup()
        return event

    event = asyncio.run(wait())
    filters: list[str] = []

    def record(self: Any, filter_: str, **kwargs: Any) -> list[Any]:
        filters.append(filter_)
        return []

    monkeypatch.setattr("google.cloud.logging.Client.list_entries", record)
    chain.trainer(deferrable=True).execute_complete(chain.context, event.payload)
    (job,) = chain.jobs()
    number = job.name.rpartition("/")[2]
    # Without a time of ours, Google's client asks for the last day's alone.
    (asked,) = filters
    assert f'resource.type="ml_job" AND resource.labels.job_id="{number}" ' in asked
    assert f'timestamp>="{job.create_time.isoformat()}"' in asked


def test_lines_are_those_of_the_job_alone(chain: Any) -> None:
    chain.with_params(accuracy=0.8).train()
    chain.other_run("manual__2").train()
    first, second = chain.jobs()
    with run_context(chain.context) as context:
        read = [
            list(JobLogs.of_custom_job(context.clients, job.name, since=CREATED).new_lines())
            for job in (first, second)
        ]
    assert [sum(line.startswith("training on") for line in lines) for lines in read] == [1, 1]
    assert [lines[-1] for lines in read] == ["trained", "trained"]


def test_lines_that_end_in_an_error_go_on_where_they_ended(
    chain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PAGE_SIZE", 1)
    chain.train()
    (job,) = chain.jobs()
    with run_context(chain.context) as context:
        logs = JobLogs.of_custom_job(context.clients, job.name, since=CREATED)
        lines = logs.new_lines()
        first = next(lines)
        chain.fault(LIST, http_status=429)
        with pytest.raises(call_errors()):
            list(lines)
        rest = list(logs.new_lines())
    assert rest[-1] == "trained"
    assert first not in rest


def test_reads_of_ten_jobs_that_begin_at_once_stay_below_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    reads: list[float] = []

    class Lines:
        def new_lines(self) -> list[str]:
            reads.append(clock[0])
            return []

    readers = [jobs._LineReader("j", Lines(), None) for _ in range(10)]  # type: ignore[arg-type]
    while clock[0] < 600:
        for reader in readers:
            reader.read_if_due()
        clock[0] += 0.5
    busiest = max(sum(start <= read < start + 60 for read in reads) for start in range(540))
    assert busiest < 60
    assert len(set(reads)) > len(reads) / 3, "they read at the same moments"
