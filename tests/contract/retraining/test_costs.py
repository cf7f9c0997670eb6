"""Costs of the chain's jobs, from the times that the emulator's services give them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from retraining import costs
from retraining.context import run_context
from retraining.costs import Prices, TaskCost, task_costs
from retraining.tiers import Tier, WorkerPool, load_tiers

HOURLY = 0.21849885
BEFORE = datetime(2020, 1, 1, tzinfo=UTC)


def costs_of(chain: Any, **arguments: Any) -> dict[tuple[str, str], TaskCost]:
    """Costs by run and task."""
    with run_context(chain.context) as context:
        found = task_costs(context, **{"since": BEFORE, **arguments})
    assert {cost.dataset for cost in found} <= {"flowers"}
    return {(cost.run, cost.task): cost for cost in found}


def slug(chain: Any) -> str:
    with run_context(chain.context) as context:
        return context.run.slug


def tier(hourly: float | None, **fields: Any) -> Tier:
    pool = WorkerPool(machine_type="n1-standard-4", dollars_per_hour=hourly, **fields)
    return Tier(name="T", pools=(pool,))


def test_jobs_cost_the_time_of_their_machines_failed_ones_included(chain: Any) -> None:
    with pytest.raises(Exception, match="no luck"):
        chain.with_params(fail="no luck").train()
    chain.train()
    chain.other_run("manual__2").with_params(tier="TWO_WORKERS").train()
    found = costs_of(chain)
    first, second = found[slug(chain), "train"], found[slug(chain.other_run("manual__2")), "train"]
    seconds = [(job.end_time - job.start_time).total_seconds() for job in chain.jobs()]
    assert (first.jobs, second.jobs) == (2, 1)
    assert first.machine_seconds == pytest.approx(sum(seconds[:2]), abs=0.01)
    assert first.dollars == pytest.approx(sum(seconds[:2]) / 3600 * HOURLY, rel=1e-3)
    assert second.machine_seconds == pytest.approx(2 * seconds[2], abs=0.01)
    assert second.dollars == pytest.approx(2 * seconds[2] / 3600 * HOURLY, rel=1e-3)


def test_a_tuning_costs_the_time_of_its_trials(chain: Any) -> None:
    chain.with_params(tune=True).tune()
    with run_context(chain.context) as context:
        (job,) = context.tuning_jobs.find_all({})
    seconds = sum((trial.end_time - trial.start_time).total_seconds() for trial in job.trials)
    cost = costs_of(chain)[slug(chain), "tune"]
    assert cost.jobs == 1
    assert cost.machine_seconds == pytest.approx(seconds, abs=0.01)
    assert cost.dollars == pytest.approx(seconds / 3600 * HOURLY, rel=1e-3)


def test_machines_without_a_price_cost_what_nobody_knows(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiers = tmp_path / "tiers.toml"
    tiers.write_text('[OWN]\npools = [{ machine_type = "n1-highmem-32" }]\n')
    monkeypatch.setenv("PERENNIAL_TIERS_FILE", str(tiers))
    chain.with_params(tier="OWN").train()
    cost = costs_of(chain)[slug(chain), "train"]
    assert cost.dollars is None
    assert cost.machine_seconds >= 0


def test_conversions_have_a_time_and_no_run(chain: Any) -> None:
    chain.write(f"gs://{chain.bucket}/datasets/flowers/raw/1.jpg", "a picture")
    with run_context(chain.context) as context:
        name = context.names("flowers").conversion_job("0123456789ab")
        for job in (name, "another"):
            options = {"options": {"pipelineUrl": f"gs://{chain.bucket}/no/such/pipeline.pb"}}
            described = {"name": job, "environment": {"sdk_pipeline_options": options}}
            request = {"project_id": chain.project, "location": "us-central1", "job": described}
            context.clients.dataflow_jobs.create_job(request=request)
    ((key, cost),) = costs_of(chain).items()
    assert key == ("", "convert_to_tfrecord")
    assert (cost.jobs, cost.dollars) == (1, None)


def test_only_jobs_since_a_time_and_of_a_dataset_count(chain: Any) -> None:
    chain.train()
    assert costs_of(chain, since=datetime.now(UTC) + timedelta(minutes=1)) == {}
    assert costs_of(chain, dataset="census") == {}
    assert len(costs_of(chain, dataset="flowers")) == 1


def test_command_prints_a_table_with_sums_or_json(chain: Any, capsys: pytest.CaptureFixture[str]) -> None:
    chain.train()
    assert costs.main(["--dataset", "flowers"]) == 0
    printed = capsys.readouterr().out
    assert "$0.0" in printed  # "< $0.01", or nothing for a job that ended with its start
    assert "all" in printed
    assert costs.main(["--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert document.items() >= {"dataset": "flowers", "task": "train", "jobs": 1}.items()
    with pytest.raises(SystemExit) as refused:
        costs.main(["--since", "yesterday"])
    assert refused.value.code == 2


@pytest.mark.parametrize("command", [["costs"], ["preflight", "--only", "bucket"]])
def test_command_with_metrics_on_prints_its_json_alone(chain: Any, command: list[str]) -> None:
    module, *arguments = command
    metrics = {"AIRFLOW__METRICS__OTEL_ON": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-m", f"retraining.{module}", *arguments, "--json"],
        env={**os.environ, **metrics}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "OpenTelemetry" in done.stderr
    assert isinstance(json.loads(done.stdout), list)


def test_prices_of_a_deployment_come_before_ours() -> None:
    from google.cloud.aiplatform_v1.types import CustomJobSpec

    machine = {"machine_spec": {"machine_type": "n1-standard-4"}, "replica_count": 3}
    spec = CustomJobSpec(worker_pool_specs=[machine])
    ours = load_tiers()
    assert Prices(ours, {**ours, "T": tier(1.0)}).of(spec, 7200.0) == (21600.0, 6.0)
    assert Prices(ours, {**ours, "T": tier(1.0)}).of(spec, 3600.0, tier="basic")[1] == pytest.approx(
        3 * HOURLY
    )
    assert Prices(ours, {**ours, "T": tier(None)}).of(spec, 3600.0)[1] == pytest.approx(3 * HOURLY)
    spot = CustomJobSpec(worker_pool_specs=[machine], scheduling={"strategy": "SPOT"})
    assert Prices(ours, ours).of(spot, 3600.0)[1] is None
    cheap = Prices(ours, {"T": tier(None, spot_dollars_per_hour=0.1)})
    assert cheap.of(spot, 3600.0)[1] == pytest.approx(0.3)
