"""Raw data to a model: the conversion and the training of a DAG, run here."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from local import source
from local.by_hand import program
from local.by_hand.spec import Spec
from local.by_hand.workshop import Workshop
from local.console import console
from local.errors import StackError
from local.evaluation import Evaluation
from local.home import Home


def train(home: Home, *, dataset: str, data: str | None, settings: Mapping[str, str]) -> Path:
    """Convert a dataset and train on it; what is there already is not made again.

    Args:
        home: where `by-hand` is.
        dataset: it has a DAG file.
        data: a folder or gs:// URI; `None` for the dataset's sample.
        settings: flags of the training in place of those of the DAG file, without dashes.

    Returns:
        The job's folder.

    Raises:
        StackError: there is no such dataset or data, or a program failed.
    """
    spec = Spec.read(dataset, home)
    raw = source.given(data) if data else source.sample(dataset, home)
    workshop = Workshop.of(home, dataset)
    workshop.root.mkdir(parents=True, exist_ok=True)
    workshop.contract.write_text(json.dumps(spec.contract, indent=2) + "\n")
    records = workshop.records(raw, spec.contract)
    program.run(
        "preprocessing.main",
        ["--source", raw.uri, "--output-dir", str(records), "--contract", str(workshop.contract)],
    )
    arguments = [
        f"--{name.replace('_', '-')}={value}" for name, value in {**spec.arguments, **settings}.items()
    ]
    job = workshop.new_job(records, spec.module, arguments)
    program.run(spec.module, ["--data-dir", str(records), "--job-dir", str(job), *arguments])
    _show(workshop, home, made=raw.made)
    return job


def _show(workshop: Workshop, home: Home, *, made: bool) -> None:
    evaluation = Evaluation.read(workshop.job, home.buckets)
    if evaluation is None:
        raise StackError(f"{workshop.job}: expected evaluation.json, the training left none")
    lines = [
        *evaluation.lines(made=made),
        f"model:   {os.path.relpath(workshop.model)}",
        f"curves:  .venv/bin/tensorboard --logdir {os.path.relpath(workshop.jobs)} --host 127.0.0.1",
        f"ask it:  make predict DATASET={workshop.dataset} [INSTANCES=file]",
    ]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
