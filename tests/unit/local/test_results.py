import base64
import json
from pathlib import Path
from typing import Any

import pytest

from contract import CsvFormat, DataContract, SplitSpec, class_label, number
from contract.artifacts import GoldenRequest
from contract.predictions import render
from local import StackError
from local.results import EvaluationSummary, describe_prediction, describe_request, image_suffix

DOCUMENT: dict[str, Any] = {
    "examples": 6513,
    "data_dir": "gs://bucket/records",
    "metrics": {"auc": 0.91234, "accuracy": 0.85},
    "trivial_baseline": {"kind": "most_frequent_class", "metrics": {"accuracy": 0.76}},
    "production": None,
    "export": {"signature": {"inputs": {}, "outputs": {}}, "parity_max_abs_difference": 0.0, "finite": True},
    "labels": ["no", "yes"],
    "test": {"examples": 16281, "metrics": {"auc": 0.9}},
}
CONTRACT = DataContract(
    name="census",
    record_format="csv",
    csv=CsvFormat(),
    features=(number("age"), class_label("income", ("no", "yes"))),
    split=SplitSpec(test_files=("adult.test.csv",)),
)
LABELS = ["<=50K", ">50K"]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def job(tmp_path: Path) -> Path:
    (tmp_path / "bucket" / "records").mkdir(parents=True)
    (tmp_path / "bucket" / "records" / "features.json").write_text(CONTRACT.to_features_json())
    (tmp_path / "evaluation.json").write_text(json.dumps(DOCUMENT))
    return tmp_path


def test_lines_tell_validation_and_test_apart(job: Path) -> None:
    evaluation = EvaluationSummary.read(job, job)
    assert evaluation is not None
    assert evaluation.label_name == "income"
    validation, test = evaluation.lines(synthetic=False)
    for fact in ("never trained on", "accuracy 0.85, auc 0.9123", "baseline: accuracy 0.76"):
        assert fact in validation
    for fact in ("adult.test.csv", "16,281", "auc 0.9"):
        assert fact in test


def test_lines_without_a_test_split_say_that_records_are_synthetic(job: Path) -> None:
    (job / "evaluation.json").write_text(json.dumps({**DOCUMENT, "test": None}))
    evaluation = EvaluationSummary.read(job, job)
    assert evaluation is not None
    assert evaluation.test is None
    (line,) = evaluation.lines(synthetic=True)
    assert line.startswith("on synthetic records never trained on: ")


def test_read_after_the_records_were_removed_still_has_the_metrics(job: Path) -> None:
    (job / "bucket" / "records" / "features.json").unlink()
    evaluation = EvaluationSummary.read(job, job)
    assert evaluation is not None
    assert evaluation.label_name == ""
    assert evaluation.lines(synthetic=False)[1].startswith("on the test split, 16,281 records")


def test_read_of_a_job_that_has_not_finished_is_none(tmp_path: Path) -> None:
    assert EvaluationSummary.read(tmp_path, tmp_path) is None


def test_read_of_an_incomplete_evaluation_names_what_is_missing(job: Path) -> None:
    (job / "evaluation.json").write_text('{"examples": 1, "metrics": {}}')
    with pytest.raises(StackError, match=r"evaluation.json.trivial_baseline: expected a value"):
        EvaluationSummary.read(job, job)


def test_request_of_a_table_is_described_by_its_row() -> None:
    request = GoldenRequest(instance={"age": 25, "race": "White"}, prediction=[1.0], label=0)
    assert describe_request(request) == '{"age": 25, "race": "White"}'


def test_request_of_an_image_is_described_by_its_file() -> None:
    instance = {"image_bytes": {"b64": base64.b64encode(PNG).decode()}}
    request = GoldenRequest(instance=instance, prediction={}, label=3, filename="roses/1.jpg")
    assert describe_request(request) == "roses/1.jpg"


def test_prediction_of_a_class_is_right_or_wrong() -> None:
    prediction = {"class_ids": [1.0], "classes": [">50K"], "probabilities": [0.1, 0.9]}
    right, wrong = (render(prediction, labels=LABELS, label=label) for label in (1.0, 0))
    assert describe_prediction(right) == ">50K (90%): right"
    assert describe_prediction(wrong, "income") == "income >50K (90%): wrong, it is <=50K"


def test_prediction_of_a_number_stands_beside_the_label() -> None:
    assert describe_prediction(render([12.346], label=9.5)) == "12.35: it is 9.5"


def test_prediction_of_an_autoencoder_is_not_compared() -> None:
    prediction = render({"reconstruction": [[[0.5]]], "error": 0.01234}, label=7)
    assert describe_prediction(prediction) == str(prediction)
    assert "0.01234" in str(prediction)


def test_image_suffix_is_of_the_content() -> None:
    assert image_suffix(PNG) == ".png"
    assert image_suffix(b"\xff\xd8\xff") == ".jpg"
