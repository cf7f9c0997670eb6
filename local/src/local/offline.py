"""Conversion, training and prediction of one dataset without Airflow and without the emulator."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.artifacts import Evaluation, GoldenRequest
from contract.predictions import render
from local import StackError, module_runner, sources
from local.console import console
from local.paths import CHECKOUT, DAGS, StackPaths
from local.results import EvaluationSummary, describe_prediction, describe_request
from local.workspace import Workspace

_PREDICT = "trainer.predict"


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """The part of a DAG file's spec that a conversion and a training need.

    Attributes:
        contract: content of `features.json`.
        module: Python module of the training.
        arguments: its flags without the dashes.
    """

    contract: dict[str, Any]
    module: str
    arguments: Mapping[str, Any]

    @classmethod
    def read(cls, dataset: str, paths: StackPaths) -> DatasetSpec:
        """Return the spec in `dags/<dataset>_training.py`.

        Raises:
            StackError: there is no such file, or it can't be read; the reason is on the terminal.
        """
        environment = {
            # DAG files import Airflow, which writes a configuration file into its home.
            "AIRFLOW_HOME": str(paths.offline / ".airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONPATH": str(CHECKOUT / "plugins"),
        }
        text = module_runner.output(
            "retraining.spec", [dataset, "--dags", str(DAGS)], show=False, environment=environment
        )
        document = json.loads(text)
        return cls(contract=document["contract"], module=document["module"], arguments=document["arguments"])


def train(paths: StackPaths, *, dataset: str, data: str | None, settings: Mapping[str, str]) -> Path:
    """Convert a dataset and train on it; existing records and a finished training are reused.

    Args:
        paths: of the stack, with the `offline` folder.
        dataset: it has a DAG file.
        data: a folder or gs:// URI; `None` for the dataset's sample.
        settings: training flags that replace those of the DAG file, without dashes.

    Returns:
        The job's folder.

    Raises:
        StackError: there is no such dataset or data, or a program failed.
    """
    spec = DatasetSpec.read(dataset, paths)
    raw = sources.from_uri(data) if data else sources.sample(dataset, paths)
    workspace = Workspace.at(paths, dataset)
    workspace.root.mkdir(parents=True, exist_ok=True)
    workspace.contract.write_text(json.dumps(spec.contract, indent=2) + "\n")
    records = workspace.records(raw, spec.contract)
    module_runner.run(
        "preprocessing.main",
        ["--source", raw.uri, "--output-dir", str(records), "--contract", str(workspace.contract)],
    )
    arguments = [
        f"--{name.replace('_', '-')}={value}" for name, value in {**spec.arguments, **settings}.items()
    ]
    job = workspace.new_job(records, spec.module, arguments)
    module_runner.run(spec.module, ["--data-dir", str(records), "--job-dir", str(job), *arguments])
    _print_evaluation(workspace, paths, synthetic=raw.synthetic)
    return job


def predict(paths: StackPaths, *, dataset: str, instances: str | None) -> None:
    """Print predictions of the last trained model.

    Args:
        paths: of the stack, with the `offline` folder.
        dataset: its name.
        instances: a file of JSON objects, one a line, whose predictions are printed one a line; `None` for
            the golden requests, which the model was not trained on, with their labels.

    Raises:
        StackError: nothing was trained, or the instances are invalid; the reason is on the terminal.
    """
    workspace = Workspace.at(paths, dataset)
    job = workspace.trained_job()
    arguments = ["--model-dir", str(workspace.model), "--json-instances"]
    if instances is not None:
        module_runner.run(_PREDICT, [*arguments, instances])
        return
    golden = job / GoldenRequest.FILENAME
    predictions = module_runner.output(_PREDICT, [*arguments, str(golden)]).splitlines()
    evaluation = EvaluationSummary.read(job, paths.buckets)
    labels = evaluation.labels if evaluation else ()
    for request, line in zip(GoldenRequest.from_text(golden.read_text()), predictions, strict=True):
        prediction = render(json.loads(line), labels=labels, label=request.label)
        console.print(
            f"{describe_request(request)}\n  {describe_prediction(prediction)}", markup=False, soft_wrap=True
        )


def _print_evaluation(workspace: Workspace, paths: StackPaths, *, synthetic: bool) -> None:
    evaluation = EvaluationSummary.read(workspace.job, paths.buckets)
    if evaluation is None:
        raise StackError(f"{workspace.job}: expected {Evaluation.FILENAME}, the training left none")
    lines = [
        *evaluation.lines(synthetic=synthetic),
        f"model:   {os.path.relpath(workspace.model)}",
        f"curves:  .venv/bin/tensorboard --logdir {os.path.relpath(workspace.jobs)} --host 127.0.0.1",
        f"ask it:  make predict DATASET={workspace.dataset} [INSTANCES=file]",
    ]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
