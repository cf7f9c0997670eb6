"""A whole job on a few pictures: steps, resume, export, report."""

from __future__ import annotations

import base64
import json
import logging
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import TrainConfig
from trainer.errors import InputError, Interrupted
from trainer.evaluators import ClassificationEvaluator
from trainer.export import ExportedModel
from trainer.records import Records
from trainer.train import run


def tiny(dataset: Path, job: Path, **changes: object) -> TrainConfig:
    """A job of two steps on 8 images of 32 pixels."""
    values = {
        "data_dir": str(dataset),
        "job_dir": str(job),
        "image_size": 32,
        "train_batch_size": 8,
        "eval_batch_size": 8,
        "train_steps": 2,
        "steps_per_eval": 1,
        "log_every": 1,
        "precision": "float32",
    }
    return TrainConfig.of(**{**values, **changes})


@pytest.fixture(scope="module")
def finished(dataset, tmp_path_factory) -> Path:
    """The directory of a job that ran to its end."""
    job = tmp_path_factory.mktemp("finished")
    run(tiny(dataset, job), environment={})
    return job


def test_run_to_the_end_leaves_vertex_s_layout_and_the_report(finished, dataset):
    report = json.loads((finished / "evaluation.json").read_text())

    assert (finished / "model" / "saved_model.pb").is_file()
    assert (finished / "checkpoints" / "checkpoint").is_file()
    assert list((finished / "logs").glob("events*"))
    assert report["dataset"] == "flowers"
    assert report["examples"] == 12
    assert report["labels"] == ["daisy", "dandelion", "roses", "sunflowers", "tulips"]
    assert 0 <= report["metrics"]["accuracy"] <= 1
    assert report["trivial_baseline"]["kind"] == "majority_class"
    assert report["production"] is None
    assert np.sum(report["confusion_matrix"]) == 12
    assert report["training"]["steps"] == 2
    assert report["training"]["resumed_from_step"] == 0
    assert report["training"]["parameters"]["data_dir"] == str(dataset)


def test_run_to_the_end_exports_the_source_s_signature_with_parity(finished):
    export = json.loads((finished / "evaluation.json").read_text())["export"]

    assert export["signature"] == {
        "inputs": {"image_bytes": {"dtype": "string", "shape": [None]}},
        "outputs": {
            "classes": {"dtype": "int64", "shape": [None]},
            "probabilities": {"dtype": "float32", "shape": [None, 5]},
        },
    }
    assert export["finite"]
    assert export["parity_max_abs_difference"] < 1e-5
    # Weights are stored once: 11.2 million of four bytes, and the graph.
    assert 44e6 < export["bytes"] < 50e6


def test_run_to_the_end_writes_golden_requests_that_the_export_answers_again(finished):
    lines = [json.loads(line) for line in (finished / "golden.jsonl").read_text().splitlines()]
    files = [base64.b64decode(line["instance"]["image_bytes"]["b64"]) for line in lines]

    answers = ExportedModel(finished / "model").predict({"image_bytes": files})

    assert len(lines) == 8
    assert {line["label"] for line in lines} == set(range(5))
    assert [line["prediction"]["classes"] for line in lines] == answers["classes"].tolist()
    expected = [line["prediction"]["probabilities"] for line in lines]
    np.testing.assert_allclose(answers["probabilities"], expected, atol=1e-5)


def test_run_to_the_end_exports_a_model_that_tensorflow_1_s_loader_reads(finished):
    """As `gcloud ai-platform local predict` does."""
    line = json.loads((finished / "golden.jsonl").read_text().splitlines()[0])
    image = base64.b64decode(line["instance"]["image_bytes"]["b64"])

    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        loaded = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(finished / "model"))
        signature = loaded.signature_def["serving_default"]
        probabilities = session.run(
            signature.outputs["probabilities"].name, {signature.inputs["image_bytes"].name: [image]}
        )

    np.testing.assert_allclose(probabilities[0], line["prediction"]["probabilities"], atol=1e-5)


def test_run_of_a_finished_job_does_nothing_and_says_so(finished, dataset, caplog):
    before = (finished / "evaluation.json").stat().st_mtime_ns

    with caplog.at_level(logging.INFO, "trainer"):
        run(tiny(dataset, finished), environment={})

    assert "nothing to do" in caplog.text
    assert (finished / "evaluation.json").stat().st_mtime_ns == before


def test_run_with_other_parameters_in_the_same_directory_names_the_flag(finished, dataset):
    with pytest.raises(InputError, match=r"--train-steps of a job that began in .* expected 2, received 3"):
        run(tiny(dataset, finished, train_steps=3), environment={})


@pytest.mark.slow
def test_run_after_sigterm_goes_on_from_its_step_and_scores_production(finished, dataset, tmp_path, caplog):
    config = tiny(
        dataset,
        tmp_path,
        train_steps=4,
        steps_per_eval=100,
        production_model=str(finished / "model"),
        production_version="3",
    )
    stop_at_step_two = StopAtStep(2)
    logging.getLogger("trainer.loop").addHandler(stop_at_step_two)
    try:
        with pytest.raises(Interrupted, match="stopped at step 2"), caplog.at_level(logging.INFO, "trainer"):
            run(config, environment={})
    finally:
        logging.getLogger("trainer.loop").removeHandler(stop_at_step_two)
    assert not (tmp_path / "evaluation.json").exists()

    with caplog.at_level(logging.INFO, "trainer"):
        run(config, environment={})

    report = json.loads((tmp_path / "evaluation.json").read_text())
    before = json.loads((finished / "evaluation.json").read_text())
    assert "resumed from step 2" in caplog.text
    assert report["training"]["resumed_from_step"] == 2
    assert report["training"]["steps"] == 4
    assert report["production"]["version"] == "3"
    assert report["production"]["metrics"] == pytest.approx(before["metrics"], rel=1e-4)


@pytest.mark.slow
def test_run_with_a_production_model_that_is_gone_is_not_lost(dataset, tmp_path, caplog):
    config = tiny(dataset, tmp_path, train_steps=1, production_model=str(tmp_path / "none"))
    run(config, environment={})
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert report["production"] is None
    assert "not compared with production: --production-model: expected the folder" in caplog.text


def test_export_with_other_labels_is_compared_by_name(finished, make_dataset):
    turned = Records.open(str(make_dataset(labels=("tulips", "roses", "daisy", "lilies"))))
    export = ExportedModel(finished / "model")

    result = ClassificationEvaluator(turned).evaluate(
        export.predict_split(turned, turned.validation, batch_size=8)
    )

    # The export never says "lilies", and two of its classes are none of the dataset's.
    assert np.array(result.details["confusion_matrix"])[:, 3].sum() == 0
    assert 0 <= result.metrics["accuracy"] <= 1


class StopAtStep(logging.Handler):
    """Sends SIGTERM to this process when the job reports a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._says = f"step {step}/"

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(self._says):
            os.kill(os.getpid(), signal.SIGTERM)
