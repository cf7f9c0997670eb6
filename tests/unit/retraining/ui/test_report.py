"""Report of a run, however far it has come."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contract import DatasetStatistics
from contract.artifacts import (
    Baseline,
    Evaluation,
    ExportReport,
    GateCheck,
    GateResult,
    GoldenRequest,
    ProductionEvaluation,
    RejectedRecord,
    Signature,
    TrainingReport,
)
from retraining.artifacts import Conversion, LearningCurve, RejectedExample, Training
from retraining.context import Run
from retraining.ui import report
from retraining.ui.pages import page
from retraining.ui.runs import RunRecord, TaskRecord

STARTED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
NOTHING = Training(evaluation=None, gate=None, golden=(), curves={})
EVALUATION = Evaluation(
    examples=20,
    labels=("daisy", "roses"),
    metrics={"accuracy": 0.75, "loss": 0.5},
    baseline=Baseline(kind="most_frequent_class", metrics={"accuracy": 0.5}),
    production=ProductionEvaluation(version="1", metrics={"accuracy": 0.7}),
    export=ExportReport(
        signature=Signature(inputs={}, outputs={}), parity_max_abs_difference=0.0, finite=True
    ),
    confusion_matrix=((9, 1), (4, 6)),
    training=TrainingReport(
        steps=40,
        seconds=61.0,
        examples_per_second=12.5,
        precision="float32",
        parameters={"train_steps": 40},
    ),
)
JPEG = base64.b64encode(b"\xff\xd8\xff" + bytes(60)).decode()


def task(task_id: str, state: str, **outputs: Any) -> TaskRecord:
    ended = STARTED + timedelta(seconds=5) if state in ("success", "failed") else None
    started = None if state == "none" else STARTED
    return TaskRecord(task_id=task_id, state=state, started=started, ended=ended, tries=1, outputs=outputs)


def rendered(
    state: str,
    *tasks: TaskRecord,
    training: Training = NOTHING,
    conversion: Conversion | None = None,
) -> str:
    run = RunRecord(
        run=Run(dag_id="flowers_training", run_id="manual__1", data_until=STARTED),
        state=state,
        run_type="manual",
        run_after=STARTED,
        started=STARTED if tasks else None,
        ended=STARTED + timedelta(seconds=9) if state in ("success", "failed") else None,
        tasks=tasks,
    )
    variables = report.variables(run, "flowers", conversion, training)
    return bytes(page("report.html", **variables, links=[]).body).decode()


@pytest.mark.parametrize(
    ("state", "tasks", "headline"),
    [
        ("queued", (), "The run has not started"),
        ("running", (task("upload_data", "running"), task("train", "none")), "The run is in progress"),
        ("failed", (task("upload_data", "failed"), task("train", "upstream_failed")), "The run failed"),
        (
            "success",
            (task("upload_data", "skipped", note="no data for 2026-01 yet"),),
            "No model was trained",
        ),
    ],
)
def test_report_of_a_run_without_a_model_says_how_it_stands(
    state: str, tasks: tuple[TaskRecord, ...], headline: str
) -> None:
    text = rendered(state, *tasks)
    assert f"<h1>{headline}" in text
    assert all(task.note in text for task in tasks)
    unfinished = state in ("queued", "running")
    assert ("No model has been trained yet." if unfinished else "No model was trained.") in text


def test_report_of_a_finished_run_shows_gate_metrics_and_matrix() -> None:
    check = GateCheck(
        name="finite",
        passed=True,
        expected="finite outputs",
        received="finite",
        sentence="Accuracy 0.75 beats a constant answer's 0.5.",
    )
    gate = GateResult.of([check])
    text = rendered(
        "success",
        task("train", "success", machines="L4 as Spot VMs"),
        task("create_model_version", "success", version="2"),
        task("promote", "success", promoted=True, reasons=list(gate.reasons)),
        training=Training(evaluation=EVALUATION, gate=gate, golden=(), curves={}),
    )
    assert "Version 2 was promoted to production" in text
    assert "Accuracy 0.75 beats a constant answer&#39;s 0.5." in text
    assert "Production (version 1)" in text
    assert "Constant baseline (most frequent class)" in text
    assert "finite outputs" in text
    assert "<dt>Machines</dt><dd>L4 as Spot VMs</dd>" in text
    assert 'class="heat-9 right"' in text


def test_report_escapes_what_came_from_data() -> None:
    record = RejectedRecord(uri="gs://b/<script>x.jpg", reason="not_an_image", detail="<img onerror=1>")
    statistics = DatasetStatistics(
        read=2,
        records={"train": 1},
        rejected={"not_an_image": 1},
        converted={"rotated": 4, "png": 2},
        duplicates=3,
        labels={"train": {}},
        numbers={},
        categories={},
    )
    rejected = [RejectedExample(index=3, record=record)]
    text = rendered(
        "running", conversion=Conversion(statistics=statistics, rejected=rejected, has_images=True)
    )
    assert "1 of 2 records were rejected" in text
    assert "3 duplicates were left out. 4 converted: rotated, 2 converted: png." in text
    assert "<img onerror" not in text
    assert "&lt;script&gt;x.jpg" in text
    assert "/retraining/runs/flowers_training/manual__1/rejected/3" in text


def test_report_shows_golden_requests_with_predictions_and_labels() -> None:
    images = [
        GoldenRequest(
            instance={"image_bytes": {"b64": JPEG}}, prediction={"probabilities": [0.9, 0.1]}, label=label
        )
        for label in (0, 1)
    ]
    rows = [GoldenRequest(instance={"passengers": 2}, prediction=[7.5], label=8.25)]
    reconstructions = [
        GoldenRequest(
            instance={"image_bytes": {"b64": JPEG}},
            prediction={"reconstruction": [[[0.0], [1.0]]], "error": 0.0123},
        )
    ]
    golden = (*images, *rows, *reconstructions)
    training = Training(evaluation=EVALUATION, gate=None, golden=golden, curves={})
    text = rendered("success", training=training)
    assert text.count("data:image/jpeg;base64,") == 3
    assert text.count("data:image/png;base64,") == 1
    assert text.count(">correct<") == 1
    assert '<span class="incorrect">label roses</span>' in text
    assert '<span class="quiet">label 8.25</span>' in text
    assert "90.0%" in text
    assert "<dt>passengers</dt><dd>2</dd>" in text
    assert "mean squared error 0.0123" in text


def test_example_whose_bytes_are_no_image_shows_none() -> None:
    html = base64.b64encode(b"<script>alert(1)</script>").decode()
    request = GoldenRequest(instance={"image_bytes": {"b64": html}}, prediction=[1.0])
    (example,) = report.examples([request], [])
    assert (example.image, example.row) == (None, {})


def test_metric_rows_compare_with_production_and_baseline() -> None:
    accuracy, loss = report.metric_rows(EVALUATION)
    assert (accuracy.name, accuracy.model, accuracy.production) == ("accuracy", 0.75, 0.7)
    assert (accuracy.baseline, accuracy.test) == (0.5, None)
    assert (loss.production, loss.baseline) == (None, None)


def test_plotted_metrics_have_a_fixed_order_and_at_least_two_points() -> None:
    def curve(*steps: int) -> list[LearningCurve]:
        return [LearningCurve(split="train", steps=steps, values=tuple(map(float, steps)))]

    curves = {"zeal": curve(1, 2), "loss": curve(1, 2), "accuracy": curve(1, 2), "auc": curve(2)}
    training = Training(evaluation=None, gate=None, golden=(), curves=curves)
    assert report.plotted_metrics(training) == ["loss", "accuracy", "zeal"]
