"""Asks the model that was trained by hand, without any server."""

from __future__ import annotations

import json

from local.answer import Answer
from local.by_hand import program
from local.by_hand.workshop import Workshop
from local.console import console
from local.evaluation import Evaluation
from local.golden import GOLDEN_FILENAME, GoldenRecord
from local.home import Home

_MODULE = "trainer.predict"


def predict(home: Home, *, dataset: str, instances: str | None) -> None:
    """Print the last model's predictions.

    Args:
        home: where `by-hand` is.
        dataset: whose model.
        instances: a file of JSON objects, one a line, whose predictions are printed one a line; `None` for a
            few records that the model was not trained on, with their labels.

    Raises:
        StackError: nothing was trained, or the instances don't fit; the reason is on the terminal.
    """
    workshop = Workshop.of(home, dataset)
    job = workshop.trained_job()
    if instances is not None:
        program.run(_MODULE, ["--model-dir", str(workshop.model), "--json-instances", instances])
        return
    golden = job / GOLDEN_FILENAME
    printed = program.output(_MODULE, ["--model-dir", str(workshop.model), "--json-instances", str(golden)])
    evaluation = Evaluation.read(job, home.buckets)
    labels = evaluation.labels if evaluation else ()
    for record, line in zip(GoldenRecord.read(golden), printed.splitlines(), strict=True):
        answer = Answer.of(json.loads(line), record.label, labels)
        verdict = f": {answer.verdict}" if answer.verdict else ""
        console.print(f"{record.words}\n  {answer}{verdict}", markup=False, soft_wrap=True)
