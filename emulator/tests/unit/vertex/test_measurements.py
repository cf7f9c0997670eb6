import json

import pytest

from emulator.vertex.gapic import types
from emulator.vertex.measurements import (
    NoMeasurementError,
    final_measurement,
    read_reports,
    to_measurements,
)

STARTED_AT = 1000.0


def line(step: int, **metrics: float) -> str:
    entry = {"timestamp": STARTED_AT + step, "trial": "1", "global_step": str(step), "checkpoint_path": ""}
    return json.dumps({**entry, **{name: str(value) for name, value in metrics.items()}}) + "\n"


def study(*metric_ids: str, **fields) -> types.StudySpec:
    metrics = [{"metric_id": name, "goal": "MAXIMIZE"} for name in metric_ids]
    return types.StudySpec(metrics=metrics, **fields)


def read(tmp_path, text: str, spec: types.StudySpec):
    (tmp_path / "output.metrics").write_text(text)
    reports = read_reports(tmp_path / "output.metrics")
    return to_measurements(reports, [m.metric_id for m in spec.metrics], started_at=STARTED_AT), reports


def test_read_reports_of_a_missing_file_is_empty(tmp_path) -> None:
    assert read_reports(tmp_path / "output.metrics") == []


def test_read_reports_passes_over_a_half_written_line(tmp_path) -> None:
    found, _ = read(tmp_path, line(1, auc=0.5) + '{"auc": "0.', study("auc"))
    assert [m.step_count for m in found] == [1]


def test_measurements_join_what_belongs_to_one_step(tmp_path) -> None:
    text = line(1, auc=0.5) + line(1, loss=2.0) + line(2, auc=0.6) + line(2, loss=1.0) + line(2, other=9.0)
    found, _ = read(tmp_path, text, study("auc", "loss"))
    assert [{m.metric_id: m.value for m in one.metrics} for one in found] == [
        {"auc": 0.5, "loss": 2.0}, {"auc": 0.6, "loss": 1.0},
    ]  # fmt: skip
    assert [one.elapsed_duration.total_seconds() for one in found] == [1, 2]


def test_measurements_without_steps_stay_apart(tmp_path) -> None:
    found, _ = read(tmp_path, line(0, auc=0.5) + line(0, auc=0.6), study("auc"))
    assert [one.metrics[0].value for one in found] == [0.5, 0.6]


@pytest.mark.parametrize(
    ("selection", "goal", "step"),
    [
        ("MEASUREMENT_SELECTION_TYPE_UNSPECIFIED", "MAXIMIZE", 3),
        ("LAST_MEASUREMENT", "MAXIMIZE", 3),
        ("BEST_MEASUREMENT", "MAXIMIZE", 2),
        ("BEST_MEASUREMENT", "MINIMIZE", 1),
    ],
)
def test_final_measurement_is_the_last_or_the_best(tmp_path, selection, goal, step) -> None:
    metrics = [{"metric_id": "auc", "goal": goal}]
    spec = types.StudySpec(metrics=metrics, measurement_selection_type=selection)
    found, reports = read(tmp_path, line(1, auc=0.1) + line(2, auc=0.9) + line(3, auc=0.5), spec)
    assert final_measurement(spec, found, reports).step_count == step


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("", "received no metric at all"),
        (line(1, loss=2.0), "received loss=2"),
        (line(1, auc=float("nan")), "received auc=nan"),
        (line(1, auc=0.5) + line(2, rmse=0.5), "received auc=0.5, rmse=0.5"),
    ],
)
def test_final_measurement_without_a_metric_names_what_came(tmp_path, text, received) -> None:
    spec = study("auc", "rmse") if "rmse" in text else study("auc")
    found, reports = read(tmp_path, text, spec)
    with pytest.raises(NoMeasurementError, match=received):
        final_measurement(spec, found, reports)
