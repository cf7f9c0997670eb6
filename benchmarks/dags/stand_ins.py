"""DAGs of the benchmarks of the stack: a chain of known work, and one training that waits for its job."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, chain, task

import contract as dc
from retraining.operators.train import TrainOperator
from retraining.params import run_params
from retraining.tiers import deployed_tiers

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SPEC = dc.DatasetSpec(
    contract=dc.DataContract(
        name="waiting", record_format="image", features=dc.image_features(("daisy", "roses"))
    ),
    source="waiting",
    training=dc.TrainingSpec(arguments={"model": "resnet", "resnet_depth": 18}),
    gate=dc.GateSpec(metric="accuracy", direction="higher", threshold=0.5),
)

with DAG("orchestration", schedule=None, params={"iterations": 1}, tags=["benchmark"]):  # orchestration.py

    @task
    def work(params: dict[str, int] | None = None) -> None:
        """Keep one core busy."""
        from own_process import work as keep_busy

        assert params is not None
        keep_busy(params["iterations"])

    chain(*[work.override(task_id=f"work_{number}")() for number in range(1, 8)])

with DAG(  # waiting_runs.py
    "waiting",
    schedule=None,
    params=run_params(SPEC, deployed_tiers()),
    max_active_runs=1000,
    max_active_tasks=1000,
    tags=["benchmark"],
):
    TrainOperator(
        task_id="train",
        spec=SPEC,
        data_dir="gs://perennial-local/datasets/waiting/",
        deferrable=True,
        retries=3,
        retry_delay=timedelta(seconds=1),
    )
