"""A report shows what there is, however far its run has come."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from retraining.context import Run
from retraining.ui import report
from retraining.ui.artifacts import Conversion, Rejected, Training
from retraining.ui.curves import Curve
from retraining.ui.pages import duration, figure, page, size
from retraining.ui.runs import RunRecord, StepRecord

BEGAN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
NOTHING = Training(evaluation=None, gate=None, golden=[], curves={})
EVALUATION: dict[str, Any] = {
    "examples": 20,
    "labels": ["daisy", "roses"],
    "metrics": {"accuracy": 0.75, "loss": 0.5},
    "trivial_baseline": {"kind": "majority_class", "metrics": {"accuracy": 0.5}},
    "production": {"version": "1", "metrics": {"accuracy": 0.7}},
    "test": None,
    "confusion_matrix": [[9, 1], [4, 6]],
    "training": {
        "steps": 40,
        "resumed_from_step": 0,
        "seconds": 61.0,
        "examples_per_second": 12.5,
        "precision": "float32",
        "parameters": {"train_steps": 40},
    },
}


def step(task_id: str, state: str, **result: Any) -> StepRecord:
    ended = BEGAN + timedelta(seconds=5) if state in ("success", "failed") else None
    began = None if state == "none" else BEGAN
    return StepRecord(task_id=task_id, state=state, began=began, ended=ended, tries=1, result=result)


def shown(
    state: str,
    *steps: StepRecord,
    training: Training = NOTHING,
    conversion: Conversion | None = None,
) -> str:
    run = RunRecord(
        run=Run(dag_id="flowers_training", run_id="manual__1", data_until=BEGAN),
        state=state,
        kind="manual",
        asked=BEGAN,
        began=BEGAN if steps else None,
        ended=BEGAN + timedelta(seconds=9) if state in ("success", "failed") else None,
        steps=steps,
    )
    evaluation = training.evaluation
    response = page(
        "report.html",
        run=run,
        dataset="flowers",
        conversion=conversion,
        training=training,
        evaluation=evaluation,
        metrics=report.metric_rows(evaluation) if evaluation else [],
        curves=[],
        errors=[],
        examples=report.examples(training),
        links=[],
        rejected=report.total_rejected(conversion),
    )
    return bytes(response.body).decode()


@pytest.mark.parametrize(
    ("state", "steps", "headline"),
    [
        ("queued", (), "The run has not begun"),
        ("running", (step("upload_data", "running"), step("train", "none")), "The run is going on"),
        ("failed", (step("upload_data", "failed"), step("train", "upstream_failed")), "The run failed"),
        ("success", (step("upload_data", "skipped", note="no data for 2026-01 yet"),), "Nothing was trained"),
    ],
)
def test_report_of_a_run_without_a_model_says_how_it_stands(
    state: str, steps: tuple[StepRecord, ...], headline: str
) -> None:
    text = shown(state, *steps)
    assert headline in text
    assert all(step.note in text for step in steps)
    assert "Nothing has been trained" in text


def test_report_of_a_finished_run_shows_verdict_metrics_and_matrix() -> None:
    gate = {
        "promote": True,
        "reasons": ["Accuracy 0.75 beats a constant answer's 0.5."],
        "checks": [{"name": "finite", "passed": True, "expected": "numbers", "received": "numbers"}],
    }
    text = shown(
        "success",
        step("create_model_version", "success", version="2"),
        step("promote", "success", promoted=True, reasons=gate["reasons"]),
        training=Training(evaluation=EVALUATION, gate=gate, golden=[], curves={}),
    )
    assert "Version 2 went into production" in text
    assert "Accuracy 0.75 beats a constant answer&#39;s 0.5." in text
    assert "version 1 in production" in text
    assert 'class="heat-9 right"' in text


def test_report_escapes_what_came_from_data() -> None:
    item = Rejected(index=3, uri="gs://b/<script>x.jpg", reason="not_jpeg", detail="<img onerror=1>")
    statistics = {"read": 2, "records": {"train": 1}, "rejected": {"not_jpeg": 1}, "labels": {"train": {}}}
    text = shown("running", conversion=Conversion(statistics=statistics, rejected=[item], pictures=True))
    assert "1 of 2 records were rejected" in text
    assert "<img onerror" not in text
    assert "&lt;script&gt;x.jpg" in text
    assert "/retraining/runs/flowers_training/manual__1/rejected/3" in text


def test_figures_come_in_the_order_in_which_they_are_looked_at() -> None:
    def curve(*steps: int) -> list[Curve]:
        return [Curve(side="train", steps=steps, values=tuple(map(float, steps)))]

    curves = {"zeal": curve(1, 2), "loss": curve(1, 2), "accuracy": curve(1, 2), "auc": curve(2)}
    training = Training(evaluation=None, gate=None, golden=[], curves=curves)
    assert report.figures(training) == ["loss", "accuracy", "zeal"]


def test_numbers_are_written_for_people() -> None:
    assert [duration(s) for s in (None, 1.26, 61.0, 3720.0)] == ["", "1.3 s", "1 min 01 s", "1 h 02 min"]
    assert [figure(n) for n in (12026, 0.123456, 5.1044756)] == ["12,026", "0.1235", "5.104"]
    assert [size(n) for n in (12, 344_300, 45_200_000)] == ["12 B", "344.3 kB", "45.2 MB"]
