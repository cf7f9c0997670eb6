"""Whole jobs on a small table: train, export, report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from contract import FEATURES_FILENAME, GateSpec
from contract.artifacts import Evaluation
from retraining.gate import evaluate_gate
from trainer.config import TrainConfig
from trainer.predict import main as predict
from trainer.records import Records
from trainer.score import main as score
from trainer.train import run

ROWS = 512
VALIDATION = 64
TEST = 32


@pytest.fixture(scope="module")
def make_table(trips, statistics, describe, tmp_path_factory):
    """Writes the trips as records: the last rows are for validation and test."""

    def make(contract, **changes) -> Path:
        columns = trips | changes
        folder = tmp_path_factory.mktemp(contract.name)
        first_test = ROWS - TEST
        sides = {
            "train": range(first_test - VALIDATION),
            "validation": range(first_test - VALIDATION, first_test),
            "test": range(first_test, ROWS),
        }
        for side, rows in sides.items():
            with tf.io.TFRecordWriter(str(folder / f"trips-{side}.tfrecord-00000-of-00001")) as writer:
                for row in rows:
                    writer.write(_example(contract, {name: values[row] for name, values in columns.items()}))
        (folder / FEATURES_FILENAME).write_text(contract.to_features_json())
        vocabulary = contract.label.vocabulary
        labels = {
            side: {
                label: sum(int(columns[contract.label.name][row]) == index for row in rows)
                for index, label in enumerate(vocabulary)
            }
            for side, rows in sides.items()
        }
        lengths = {side: [len(rows)] for side, rows in sides.items()}
        describe(folder, lengths, labels, numbers=statistics.numbers, categories=statistics.categories)
        return folder

    return make


def _example(contract, row) -> bytes:
    features = {}
    for feature in contract.features:
        value = row[feature.name]
        if feature.dtype == "string":
            filled = tf.train.Feature(bytes_list=tf.train.BytesList(value=[str(value).encode()]))
        elif feature.dtype == "int64":
            filled = tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
        else:
            filled = tf.train.Feature(float_list=tf.train.FloatList(value=[float(value)]))
        features[feature.name] = filled
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _train(folder: Path, job: Path, **values: object) -> dict:
    common = {"train_steps": 60, "train_batch_size": 64, "base_learning_rate": 0.01}
    config = TrainConfig.of(data_dir=str(folder), job_dir=str(job), **common, **values)
    run(config, environment={})
    return json.loads((job / "evaluation.json").read_text())


@pytest.fixture(scope="module")
def tipped_job(make_table, tipped_contract, tmp_path_factory) -> tuple[Path, Path, dict]:
    """The records, the job's folder and the report of a classifier."""
    folder, job = make_table(tipped_contract), tmp_path_factory.mktemp("tipped_job")
    return folder, job, _train(folder, job, model="wide_deep", first_layer_size=16, num_layers=2)


def test_run_of_a_classifier_beats_the_constant_and_reports_the_test_side(tipped_job):
    _, _, report = tipped_job

    assert report["metrics"]["auc"] > 0.9 > report["trivial_baseline"]["metrics"]["auc"]
    assert report["test"]["examples"] == TEST
    assert report["test"]["metrics"]["auc"] > 0.9
    assert set(report["export"]["signature"]["inputs"]) >= {"distance", "payment"}
    assert set(report["export"]["signature"]["outputs"]) == {
        *("class_ids", "classes", "logistic", "logits", "probabilities"),
    }
    assert report["export"]["parity_max_abs_difference"] < 1e-5


def test_run_of_a_regression_scores_in_the_label_s_unit(make_table, fare_contract, tmp_path):
    report = _train(make_table(fare_contract), tmp_path, model="regression", hidden_units="16 8")

    assert report["metrics"]["rmse"] < report["trivial_baseline"]["metrics"]["rmse"] / 2
    assert report["trivial_baseline"]["kind"] == "constant"
    assert len(report["residuals"]["examples"]) == VALIDATION
    golden = [json.loads(line) for line in (tmp_path / "golden.jsonl").read_text().splitlines()]
    # A single output stands without its name, as a server answers.
    assert all(isinstance(line["prediction"][0], float) for line in golden)
    assert golden[0]["instance"]["payment"] in ("card", "cash", "?")


@pytest.mark.parametrize("export_format", ["CSV", pytest.param("EXAMPLE", marks=pytest.mark.slow)])
def test_run_with_another_export_format_answers_the_same_to_another_request(
    make_table, fare_contract, trips, tmp_path, export_format
):
    report = _train(
        make_table(fare_contract), tmp_path, model="regression", hidden_units="8", export_format=export_format
    )

    loaded = tf.saved_model.load(str(tmp_path / "model"))
    inputs = [feature.name for feature in fare_contract.features if feature.role == "input"]
    row = {name: trips[name][0] for name in inputs}
    columns = {name: tf.constant([value]) for name, value in row.items()}
    expected = loaded.signatures["columns"](**columns)["predictions"]
    request = {
        "CSV": ("csv_row", ",".join(str(value) for value in row.values())),
        "EXAMPLE": ("example_bytes", _example(fare_contract, {name: trips[name][0] for name in trips})),
    }
    name, value = request[export_format]
    answer = loaded.signatures["serving_default"](**{name: tf.constant([value])})["predictions"]
    assert float(answer[0, 0]) == pytest.approx(float(expected[0, 0]), rel=1e-5)
    assert set(report["export"]["signature"]["inputs"]) == {name}


def test_predict_answers_golden_requests_as_the_report_says(tipped_job, capsys):
    _, job, _ = tipped_job
    golden = [json.loads(line) for line in (job / "golden.jsonl").read_text().splitlines()]

    status = predict(["--model-dir", str(job / "model"), "--json-instances", str(job / "golden.jsonl")])

    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert status == 0
    assert [line["classes"] for line in printed] == [line["prediction"]["classes"] for line in golden]


def test_predict_of_an_instance_without_an_input_names_it(tipped_job, tmp_path, capsys):
    _, job, _ = tipped_job
    (tmp_path / "instances.jsonl").write_text('{"distance": 1.5}\n')

    status = predict(
        ["--model-dir", str(job / "model"), "--json-instances", str(tmp_path / "instances.jsonl")]
    )

    assert status == 1
    assert "error: instances[0].zone: expected a string" in capsys.readouterr().err


@pytest.mark.parametrize(("split", "examples"), [("validation", VALIDATION), ("test", TEST), ("all", ROWS)])
def test_score_of_the_same_records_gives_the_report_s_figures(tipped_job, capsys, split, examples):
    folder, job, report = tipped_job

    status = score(["--model-dir", str(job / "model"), "--data-dir", str(folder), "--split", split])

    printed = json.loads(capsys.readouterr().out)
    assert (status, printed["examples"]) == (0, examples)
    if split == "validation":
        assert printed["metrics"] == pytest.approx(report["metrics"])


def test_score_with_an_empty_batch_names_the_flag(capsys):
    assert score(["--model-dir", "m", "--data-dir", "d", "--eval-batch-size", "0"]) == 1
    assert "error: --eval-batch-size: expected 1 or more, received 0" in capsys.readouterr().err


def test_score_of_a_model_of_other_inputs_names_both(tipped_job, dataset, capsys):
    _, job, _ = tipped_job

    assert score(["--model-dir", str(job / "model"), "--data-dir", str(dataset)]) == 1
    assert "error: inputs of --model-dir: expected ['image_bytes']" in capsys.readouterr().err


def test_model_of_shuffled_labels_is_not_promoted_and_the_reason_has_values_and_interval(
    make_table, tipped_contract, tipped_job, trips, tmp_path
):
    _, production, _ = tipped_job
    train = ROWS - TEST - VALIDATION
    shuffled = trips["tipped"].copy()
    shuffled[:train] = np.random.default_rng(0).permutation(shuffled[:train])
    folder = make_table(tipped_contract, tipped=shuffled)
    _train(
        folder, tmp_path, model="wide_deep", first_layer_size=16, num_layers=2, slices="payment,tipped",
        production_model=str(production / "model"), production_version="7",
    )  # fmt: skip
    evaluation = Evaluation.from_text((tmp_path / "evaluation.json").read_text())
    gate = GateSpec(metric="accuracy", direction="higher", threshold=0.3, slices=("payment", "tipped"))

    found = evaluate_gate(evaluation, gate, contract=tipped_contract, model_bytes=1)

    assert not found.promote
    (against,) = (check for check in found.checks if check.name == "production")
    low, high = evaluation.production.difference["accuracy"].interval()
    values = (evaluation.metrics["accuracy"], evaluation.production.metrics["accuracy"], low, high)
    assert not against.passed
    assert all(f"{value:.4g}" in against.sentence for value in values), against.sentence
    assert {one.feature for one in evaluation.slices} == {"payment", "tipped"}
    assert sum(one.examples for one in evaluation.slices) == 2 * VALIDATION
    assert [one.label for one in evaluation.classes] == ["no", "yes"]
    assert evaluation.calibration.bins


def test_score_with_a_folder_compares_with_another_version_on_the_same_records(
    tipped_job, make_table, tipped_contract, tmp_path
):
    folder, job, report = tipped_job
    other = tmp_path / "other"
    _train(folder, other, model="wide_deep", first_layer_size=4, num_layers=1, seed=5)

    status = score([
        "--model_dir", str(job / "model"), "--data_dir", str(folder), "--job_dir", str(tmp_path / "scored"),
        "--production_model", str(other / "model"), "--production_version", "9", "--slices", "payment",
    ])  # fmt: skip

    scored = Evaluation.from_text((tmp_path / "scored" / "evaluation.json").read_text())
    assert status == 0
    assert scored.metrics == pytest.approx(report["metrics"])
    assert scored.production.version == "9"
    theirs = json.loads((other / "evaluation.json").read_text())["metrics"]
    assert scored.production.metrics == pytest.approx(theirs)
    assert scored.production.difference["auc"].value == pytest.approx(
        report["metrics"]["auc"] - theirs["auc"]
    )
    assert scored.export.parity_max_abs_difference == report["export"]["parity_max_abs_difference"]


def test_trial_is_judged_on_a_fold_of_the_training_split_that_it_does_not_train_on(tipped_job, tmp_path):
    folder, _, _ = tipped_job
    report = _train(folder, tmp_path, model="wide_deep", first_layer_size=4, num_layers=1, holdout_folds=5)
    train = ROWS - TEST - VALIDATION
    assert report["examples"] == -(-train // 5)
    assert report["test"] is None
    records = Records.open(str(folder), holdout_folds=5)
    held_out = set(records.validation.read().as_numpy_iterator())
    kept = set(records.train.read().as_numpy_iterator())
    validation = set(Records.open(str(folder)).validation.read().as_numpy_iterator())
    assert len(held_out) == report["examples"]
    assert len(kept) == train - report["examples"] == records.train.records
    assert not held_out & kept
    assert not validation & (held_out | kept)
