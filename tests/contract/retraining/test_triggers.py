"""Triggers against the emulator, and with states that it never comes to."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, TaskDeferred
from airflow.triggers.base import TriggerEvent
from google.cloud import dataflow_v1beta3 as dataflow

from retraining.context import run_context
from retraining.operators import JobOperator
from retraining.triggers import CustomJobTrigger, DataflowJobTrigger, JobTrigger, TuningJobTrigger

GET = "aiplatform.JobService.GetCustomJob"


async def first_event(trigger: JobTrigger) -> TriggerEvent:
    event = await anext(trigger.run())
    await trigger.cleanup()
    return event


def deferred(chain: Any, operator: JobOperator | None = None) -> TaskDeferred:
    """The deferral of an operator, by default of the training's, whose job has not ended by then."""
    chain.fault("slow_start", delay_seconds=1)
    with pytest.raises(TaskDeferred) as raised:
        chain.execute(operator or chain.trainer(deferrable=True))
    return raised.value


def dataflow_trigger(chain: Any) -> DataflowJobTrigger:
    """Waits for a job that fails, since its pipeline is none."""
    url = f"gs://{chain.bucket}/pipeline.pb"
    chain.write(url, "no pipeline")
    environment = {"sdk_pipeline_options": {"options": {"pipelineUrl": url}}}
    request = dataflow.CreateJobRequest(
        project_id=chain.project,
        location="us-central1",
        job=dataflow.Job(name="none", environment=environment),
    )
    with run_context(chain.context) as context:
        job = context.clients.dataflow_jobs.create_job(request).id
    return DataflowJobTrigger(
        job=job,
        connection_id="google_cloud_default",
        project=chain.project,
        region="us-central1",
        poll_seconds=0.2,
        waiting_folder=f"gs://{chain.bucket}/datasets/flowers/waiting/k/",
        run="r1",
    )


def test_custom_job_trigger_serializes_to_what_makes_it_again(chain: Any) -> None:
    trigger = deferred(chain).trigger
    path, arguments = trigger.serialize()
    assert path == "retraining.triggers.CustomJobTrigger"
    assert arguments == {
        "job": chain.jobs()[0].name,
        "connection_id": "google_cloud_default",
        "project": chain.project,
        "region": "us-central1",
        "poll_seconds": 0.2,
    }
    assert CustomJobTrigger(**arguments).serialize() == (path, arguments)


def test_dataflow_job_trigger_serializes_to_what_makes_it_again() -> None:
    arguments = {
        "job": "2026-01-31_1",
        "connection_id": "team",
        "project": "p",
        "region": "europe-west4",
        "poll_seconds": 10.0,
        "waiting_folder": "gs://b/datasets/flowers/waiting/k/",
        "run": "r1",
    }
    serialized = DataflowJobTrigger(**arguments).serialize()
    assert serialized == ("retraining.triggers.DataflowJobTrigger", arguments)


def test_deferred_tune_goes_on_when_its_search_has_ended(chain: Any) -> None:
    asking = chain.with_params(tune=True)
    trigger = deferred(asking, asking.tuner(deferrable=True)).trigger
    path, arguments = trigger.serialize()
    assert path == "retraining.triggers.TuningJobTrigger"
    assert TuningJobTrigger(**arguments).serialize() == (path, arguments)
    event = asyncio.run(first_event(trigger))
    assert event.payload == {"job": arguments["job"], "state": "JOB_STATE_SUCCEEDED"}
    result = asking.tuner(deferrable=True).execute_complete(asking.context, event.payload)
    assert set(result["arguments"]) == {"accuracy"}


def test_deferred_train_goes_on_when_its_job_has_ended(
    chain: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    deferral = deferred(chain)
    assert deferral.method_name == "execute_complete"
    event = asyncio.run(first_event(deferral.trigger))
    assert event.payload == {"job": chain.jobs()[0].name, "state": "JOB_STATE_SUCCEEDED"}
    result = chain.trainer(deferrable=True).execute_complete(chain.context, event.payload)
    assert result["metrics"] == {"accuracy": 0.9, "loss": 0.3}
    assert "| trained" in capsys.readouterr().out
    assert len(chain.jobs()) == 1


def test_deferred_train_of_a_job_that_failed_says_why(chain: Any) -> None:
    chain = chain.with_params(fail="out of memory")
    event = asyncio.run(first_event(deferred(chain).trigger))
    assert event.payload["state"] == "JOB_STATE_FAILED"
    with pytest.raises(AirflowException, match=r"JOB_STATE_FAILED: (.|\n)*out of memory"):
        chain.trainer(deferrable=True).execute_complete(chain.context, event.payload)


def test_custom_job_trigger_that_is_killed_cancels_the_job(chain: Any, tmp_path: Path) -> None:
    trigger = deferred(chain.with_params(until=str(tmp_path / "never"))).trigger
    asyncio.run(trigger.on_kill())
    assert asyncio.run(first_event(trigger)).payload["state"] == "JOB_STATE_CANCELLED"


def test_custom_job_trigger_that_is_killed_after_the_jobs_end_changes_nothing(chain: Any) -> None:
    trigger = deferred(chain).trigger
    asyncio.run(first_event(trigger))
    asyncio.run(trigger.on_kill())
    assert chain.jobs()[0].state.name == "JOB_STATE_SUCCEEDED"


def test_custom_job_trigger_waits_out_an_outage(chain: Any) -> None:
    trigger = deferred(chain).trigger
    chain.fault(GET, http_status=503, count=2)
    assert asyncio.run(first_event(trigger)).payload["state"] == "JOB_STATE_SUCCEEDED"


def test_custom_job_trigger_waits_out_the_services_restart(chain: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    trigger = deferred(chain.with_params(until=str(go))).trigger

    async def watch() -> TriggerEvent:
        watching = asyncio.create_task(first_event(trigger))
        await asyncio.to_thread(chain.emulator.restart)
        go.touch()
        return await watching

    assert asyncio.run(watch()).payload["state"] == "JOB_STATE_SUCCEEDED"


def test_dataflow_job_trigger_fires_when_the_job_has_failed(chain: Any) -> None:
    trigger = dataflow_trigger(chain)
    event = asyncio.run(first_event(trigger))
    assert event.payload == {"job": trigger.job, "state": "JOB_STATE_FAILED"}
    asyncio.run(trigger.on_kill())


def test_trigger_leaves_the_event_loop_free_while_it_looks(chain: Any) -> None:
    trigger = deferred(chain).trigger
    chain.fault(GET, delay_seconds=1)

    async def longest_pause() -> float:
        watching, longest = asyncio.create_task(first_event(trigger)), 0.0
        while not watching.done():
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)
        return longest

    assert asyncio.run(longest_pause()) < 0.9
