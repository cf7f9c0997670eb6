import json
from pathlib import Path
from typing import Any

import pytest

from local.errors import StackError
from local.evaluation import Evaluation

DOCUMENT: dict[str, Any] = {
    "data_dir": "gs://bucket/records",
    "metrics": {"auc": 0.91234, "accuracy": 0.85},
    "trivial_baseline": {"kind": "majority_class", "metrics": {"accuracy": 0.76}},
    "labels": ["no", "yes"],
    "test": {"examples": 16281, "metrics": {"auc": 0.9}},
}
CONTRACT = {
    "contract": {
        "features": [{"name": "age", "role": "input"}, {"name": "income", "role": "label"}],
        "split": {"test_files": ["adult.test.csv"]},
    }
}


@pytest.fixture
def job(tmp_path: Path) -> Path:
    (tmp_path / "bucket" / "records").mkdir(parents=True)
    (tmp_path / "bucket" / "records" / "features.json").write_text(json.dumps(CONTRACT))
    (tmp_path / "evaluation.json").write_text(json.dumps(DOCUMENT))
    return tmp_path


def test_lines_tell_validation_and_test_apart(job: Path) -> None:
    evaluation = Evaluation.read(job, job)
    assert evaluation is not None
    assert evaluation.label_name == "income"
    assert evaluation.lines(made=False) == [
        "on records never trained on: accuracy 0.85, auc 0.9123 (a constant answer: accuracy 0.76)",
        "on adult.test.csv, 16,281 records never used for choosing: auc 0.9",
    ]


def test_lines_without_a_test_side_say_that_records_are_made_up(job: Path) -> None:
    (job / "evaluation.json").write_text(json.dumps({**DOCUMENT, "test": None}))
    evaluation = Evaluation.read(job, job)
    assert evaluation is not None
    assert evaluation.test is None
    (line,) = evaluation.lines(made=True)
    assert line.startswith("on made-up records never trained on: ")


def test_read_after_the_records_were_removed_still_has_the_metrics(job: Path) -> None:
    (job / "bucket" / "records" / "features.json").unlink()
    evaluation = Evaluation.read(job, job)
    assert evaluation is not None
    assert evaluation.label_name == ""
    assert evaluation.lines(made=False)[1].startswith("on the test side, 16,281 records")


def test_read_of_a_job_that_has_not_finished_is_none(tmp_path: Path) -> None:
    assert Evaluation.read(tmp_path, tmp_path) is None


def test_read_of_an_incomplete_evaluation_names_what_is_missing(job: Path) -> None:
    (job / "evaluation.json").write_text('{"metrics": {}}')
    with pytest.raises(StackError, match=r"evaluation.json: expected 'trivial_baseline'"):
        Evaluation.read(job, job)
