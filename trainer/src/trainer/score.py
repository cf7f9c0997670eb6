"""Evaluate an exported model on any converted dataset, the month after its own for instance.

python -m trainer.score --model-dir DIR --data-dir DIR --split all

With a folder for the result, it compares the model with the version in production anew: a job of Vertex AI.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from contract import TEST_SPLIT, TRAIN_SPLIT, VALIDATION_SPLIT, ContractError
from contract.artifacts import Evaluation, SplitEvaluation
from contract.naming import job_folder_of, mounted_path
from contract.validation import to_json
from trainer.errors import InputError, TrainingError

if TYPE_CHECKING:
    from trainer.evaluation import ProductionModel
    from trainer.evaluators import Evaluator
    from trainer.export import ExportedModel
    from trainer.records import Records, Split

ALL = "all"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the metrics of a model as JSON, or write its comparison with production.

    Returns:
        The exit status: 0, or 1 where the model or the data can't be used.
    """
    flags = _parser().parse_args(argv)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s", force=True)
    try:
        if flags.eval_batch_size < 1:
            raise InputError("--eval-batch-size", expected="1 or more", received=flags.eval_batch_size)
        if flags.job_dir:
            _compare(flags)
        else:
            found = score(flags.model_dir, flags.data_dir, flags.split, flags.eval_batch_size)
            print(json.dumps(found, indent=2))
    except (TrainingError, ContractError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer.score", description="Evaluates an exported model on the records of a dataset."
    )

    def add(name: str, help_text: str, **options: Any) -> None:
        parser.add_argument(f"--{name}", f"--{name.replace('-', '_')}", help=help_text, **options)

    add("model-dir", "a SavedModel; gs:// is read mounted", required=True, metavar="DIR")
    add("data-dir", "TFRecords with their features.json", required=True, metavar="DIR")
    splits = (TRAIN_SPLIT, VALIDATION_SPLIT, TEST_SPLIT, ALL)
    add("split", "records to evaluate", default=VALIDATION_SPLIT, choices=splits)
    add("eval-batch-size", "(default: 1024)", type=int, default=1024, metavar="SIZE")
    compared = parser.add_argument_group("comparison with production, on the validation split")
    for name, help_text in (
        ("job-dir", "folder of the evaluation that is written; without it, metrics are printed"),
        ("production-model", "SavedModel in production"),
        ("production-version", "its version"),
        ("slices", "features to slice by, with commas between them"),
    ):
        compared.add_argument(
            f"--{name}", f"--{name.replace('-', '_')}", default="", metavar="TEXT", help=help_text
        )
    compared.add_argument("--operating-point", "--operating_point", type=float, default=0.5)
    return parser


def score(model_dir: str, data_dir: str, split_name: str, batch_size: int) -> dict[str, Any]:
    """Return the metrics of a model on a split, and those of the constant baseline.

    Raises:
        InputError: the model or the data can't be used, or don't fit together.
        ContractError: the contract of the data is wrong.
    """
    from trainer.evaluation import evaluate_split
    from trainer.records import Records

    records = Records.open(data_dir)
    export = _export(model_dir, records)
    split = _split(records, split_name)
    result = evaluate_split(export, _evaluator(export, records), records, split, batch_size=batch_size)
    return to_json(
        SplitEvaluation(examples=result.examples, metrics=result.model.metrics, baseline=result.baseline)
    )


def rescore(
    evaluation: Evaluation,
    model_dir: str,
    data_dir: str,
    *,
    batch_size: int,
    production: ProductionModel,
    slices: Sequence[str] = (),
    operating_point: float = 0.5,
) -> Evaluation:
    """Return the evaluation of a training job with another version in production, on the same records.

    Raises:
        InputError: the model or the data can't be used, or don't fit together.
        ContractError: the contract of the data is wrong.
    """
    from trainer.evaluation import compare
    from trainer.records import Records

    records = Records.open(data_dir)
    export = _export(model_dir, records)
    result = compare(
        export,
        _evaluator(export, records, operating_point),
        records,
        records.validation,
        batch_size=batch_size,
        production=production,
        slices=slices,
    )
    return replace(evaluation, data_dir=data_dir, **result.fields)


def _compare(flags: argparse.Namespace) -> None:
    from trainer.evaluation import ProductionModel
    from trainer.report import write_text

    trained = mounted_path(job_folder_of(flags.model_dir)) / Evaluation.FILENAME
    if not trained.is_file():
        raise InputError("--model-dir", expected=f"a model beside its {trained.name}", received=trained)
    evaluation = rescore(
        Evaluation.from_text(trained.read_text()),
        flags.model_dir,
        flags.data_dir,
        batch_size=flags.eval_batch_size,
        production=ProductionModel(model=flags.production_model, version=flags.production_version),
        slices=flags.slices.split(",") if flags.slices else (),
        operating_point=flags.operating_point,
    )
    write_text(mounted_path(flags.job_dir) / Evaluation.FILENAME, evaluation.to_text())


def _export(model_dir: str, records: Records) -> ExportedModel:
    from trainer.export import ExportedModel

    return ExportedModel(mounted_path(model_dir), inputs=records.contract.model_inputs, field="--model-dir")


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


def _evaluator(export: ExportedModel, records: Records, operating_point: float = 0.5) -> Evaluator:
    """Return the evaluator for the outputs of a model."""
    from trainer.adapter import ERROR, PREDICTIONS, PROBABILITIES, RECONSTRUCTION
    from trainer.evaluators import ClassificationEvaluator, ReconstructionEvaluator, RegressionEvaluator

    outputs = export.signature().outputs
    if PROBABILITIES in outputs:
        return ClassificationEvaluator(records, operating_point=operating_point)
    if PREDICTIONS in outputs:
        return RegressionEvaluator(records)
    if ERROR in outputs:
        return ReconstructionEvaluator(records, image_size=outputs[RECONSTRUCTION]["shape"][1])
    expected = f"{PROBABILITIES}, {PREDICTIONS} or {ERROR}"
    raise InputError("outputs of --model-dir", expected=expected, received=sorted(outputs))


if __name__ == "__main__":
    sys.exit(main())
