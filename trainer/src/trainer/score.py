"""Scores an exported model on any converted dataset, the month after its own for instance.

python -m trainer.score --model-dir DIR --data-dir DIR --split all
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from contract import TEST_SPLIT, TRAIN_SPLIT, VALIDATION_SPLIT, ContractError
from contract.mount import mounted_path
from trainer.config import COUNT
from trainer.errors import InputError, TrainingError

if TYPE_CHECKING:
    from trainer.evaluators import Evaluator
    from trainer.export import ExportedModel
    from trainer.records import Records, Split

ALL = "all"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the score of a model as JSON.

    Returns:
        The exit status: 0, or 1 where the model or the data can't be used.
    """
    parser = argparse.ArgumentParser(
        prog="python -m trainer.score", description="Scores an exported model on the records of a dataset."
    )
    parser.add_argument(
        "--model-dir", required=True, metavar="DIR", help="a SavedModel; gs:// is read mounted"
    )
    parser.add_argument("--data-dir", required=True, metavar="DIR", help="TFRecords with their features.json")
    parser.add_argument(
        "--split", default=VALIDATION_SPLIT, choices=(TRAIN_SPLIT, VALIDATION_SPLIT, TEST_SPLIT, ALL)
    )
    parser.add_argument("--eval-batch-size", type=int, default=1024, metavar="SIZE", help="(default: 1024)")
    flags = parser.parse_args(argv)
    try:
        check(flags, {"eval_batch_size": COUNT})
        print(
            json.dumps(score(flags.model_dir, flags.data_dir, flags.split, flags.eval_batch_size), indent=2)
        )
    except (TrainingError, ContractError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def score(model_dir: str, data_dir: str, split_name: str, batch_size: int) -> dict[str, object]:
    """How good a model is on the records of a split, and what a constant answer would be worth.

    Raises:
        InputError: the model or the data can't be used, or don't fit together.
        ContractError: the contract of the data is wrong.
    """
    from trainer.export import ExportedModel, ask
    from trainer.records import Records, instance_features

    records = Records.open(data_dir)
    export = ExportedModel(
        mounted_path(model_dir), inputs=instance_features(records.contract), field="--model-dir"
    )
    split = _split(records, split_name)
    evaluator = _evaluator(export, records)
    answers = ask(export, records, split, batch_size=batch_size)
    return {
        "examples": split.records,
        "metrics": evaluator.score(answers).metrics,
        "trivial_baseline": {
            "kind": evaluator.baseline_kind,
            "metrics": evaluator.baseline(split, answers.targets).metrics,
        },
    }


def _split(records: Records, name: str) -> Split:
    sides = {side.name: side for side in (records.train, records.validation, records.test) if side}
    if name == ALL:
        files = tuple(file for side in sides.values() for file in side.files)
        return replace(records.train, name=ALL, files=files, records=sum(s.records for s in sides.values()))
    if name not in sides:
        raise InputError("--split", expected=f"one of {sorted(sides)} in this dataset", received=name)
    return sides[name]


def _evaluator(export: ExportedModel, records: Records) -> Evaluator:
    """By what the model answers."""
    from trainer.autoencoder import RECONSTRUCTION
    from trainer.evaluators import ERROR, PREDICTIONS, PROBABILITIES, ClassificationEvaluator, RegressionEvaluator, ReconstructionEvaluator

    outputs = export.signature()["outputs"]
    if PROBABILITIES in outputs:
        return ClassificationEvaluator(records)
    if PREDICTIONS in outputs:
        return RegressionEvaluator(records)
    if ERROR in outputs:
        return ReconstructionEvaluator(records, image_size=outputs[RECONSTRUCTION]["shape"][1])
    expected = f"{PROBABILITIES}, {PREDICTIONS} or {ERROR}"
    raise InputError("outputs of --model-dir", expected=expected, received=sorted(outputs))


if __name__ == "__main__":
    sys.exit(main())
