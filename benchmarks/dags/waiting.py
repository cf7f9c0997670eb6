"""One training that waits for its job in the triggerer, for benchmarks/waiting_runs.py."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG

import contract as dc
from retraining.operators.train import TrainOperator
from retraining.params import run_params
from retraining.tiers import deployed_tiers

# The interval of a deployment: a laptop's own, half a second, is for runs that somebody watches.
os.environ.pop("PERENNIAL_POLL_SECONDS", None)

SPEC = dc.DatasetSpec(
    contract=dc.DataContract(
        name="waiting", record_format="image", features=dc.image_features(("daisy", "roses"))
    ),
    source="waiting",
    training=dc.TrainingSpec(arguments={"model": "resnet", "resnet_depth": 18}),
    gate=dc.GateSpec(metric="accuracy", direction="higher", threshold=0.5),
)

with DAG(
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
        snapshot="0" * 16,
        data_dir="gs://perennial-local/datasets/waiting/",
        deferrable=True,
        retries=3,
        retry_delay=timedelta(seconds=1),
    )
