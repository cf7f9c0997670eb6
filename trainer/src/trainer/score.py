"""Evaluate an exported model on any converted dataset, the month after its own for instance.

python -m trainer.score --model-dir DIR --data-dir DIR --split all
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from contract import TEST_SPLIT, TRAIN_SPLIT, VALIDATION_SPLIT, ContractError
from contract.artifacts import Baseline, SplitEvaluation
from contract.naming import mounted_path
from contract.validation import to_json
from trainer.errors import InputError, TrainingError

if TYPE_CHECKING:
    from trainer.evaluators import Evaluator
    from trainer.export import ExportedModel
    from trainer.records import Records, Split

ALL = "all"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the metrics of a model as JSON.

    Returns:
        The exit status: 0, or 1 where the model or the data can't be used.
    """
    parser = argparse.ArgumentParser(
        prog="python -m trainer.score", description="Evaluates an exported model on the records of a dataset."
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
        if flags.eval_batch_size < 1:
            raise InputError("--eval-batch-size", expected="1 or more", received=flags.eval_batch_size)
        print(
            json.dumps(score(flags.model_dir, flags.data_dir, flags.split, flags.eval_batch_size), indent=2)
        )
    except (TrainingError, ContractError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def score(model_dir: str, data_dir: str, split_name: str, batch_size: int) -> dict[str, Any]:
    """Return the metrics of a model on a split, and those of the constant baseline.

    Raises:
        InputError: the model or the data can't be used, or don't fit together.
        ContractError: the contract of the data is wrong.
    """
    from trainer.export import ExportedModel
    from trainer.records import Records

    records = Records.open(data_dir)
    export = ExportedModel(mounted_path(model_dir), inputs=records.contract.model_inputs, field="--model-dir")
    split = _split(records, split_name)
    evaluator = _evaluator(export, records)
    predictions = export.predict_split(records, split, batch_size=batch_size)
    evaluation = SplitEvaluation(
        examples=split.records,
        metrics=evaluator.evaluate(predictions).metrics,
        baseline=Baseline(
            kind=evaluator.baseline_kind, metrics=evaluator.baseline(split, predictions.targets).metrics
        ),
    )
    return to_json(evaluation)


def _split(records: Records, name: str) -> Split:
    splits = {split.name: split for split in (records.train, records.validation, records.test) if split}
    if name == ALL:
        files = tuple(file for split in splits.values() for file in split.files)
        return replace(
            records.train, name=ALL, files=files, records=sum(split.records for split in splits.values())
        )
    if name not in splits:
        raise InputError("--split", expected=f"one of {sorted(splits)} in this dataset", received=name)
    return splits[name]


def _evaluator(export: ExportedModel, records: Records) -> Evaluator:
    """Return the evaluator for the outputs of a model."""
    from trainer.adapter import ERROR, PREDICTIONS, PROBABILITIES, RECONSTRUCTION
    from trainer.evaluators import ClassificationEvaluator, ReconstructionEvaluator, RegressionEvaluator

    outputs = export.signature().outputs
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
