"""Measurements of trials, from the file that the package `cloudml-hypertune` writes.

Each line is a JSON object with a metric's name and value, `global_step` and `timestamp`; the package writes
the whole file anew with each report, and keeps the last 100.
https://github.com/GoogleCloudPlatform/cloudml-hypertune/blob/master/hypertune/hypertune.py
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from emulator.vertex.gapic import types

_OTHER_KEYS = frozenset({"timestamp", "trial", "global_step", "checkpoint_path"})


@dataclass(frozen=True, kw_only=True)
class MetricReport:
    """One value of one metric.

    Attributes:
        metric_id: the metric's name.
        value: its value.
        step: the training step.
        time: the time of the report, in seconds since 1970.
    """

    metric_id: str
    value: float
    step: int
    time: float


class NoMeasurementError(Exception):
    """A trial ended without a value of each metric of its study; the message holds its reports."""


def read_reports(file: Path) -> list[MetricReport]:
    """Read the reports of a trial so far; incomplete lines are skipped."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return []
    reports = []
    for line in lines:
        try:
            entry = json.loads(line)
            reports += [
                MetricReport(
                    metric_id=name,
                    value=float(value),
                    step=int(entry["global_step"]),
                    time=entry["timestamp"],
                )
                for name, value in entry.items()
                if name not in _OTHER_KEYS
            ]
        except (ValueError, KeyError):
            continue
    return reports


def to_measurements(
    reports: Sequence[MetricReport], metric_ids: Sequence[str], *, started_at: float
) -> list[Any]:
    """Group reports into Measurements, one for each step.

    Args:
        reports: all reports, in order.
        metric_ids: the study's metrics; others are left out.
        started_at: the trial's start, in seconds since 1970.
    """
    found: list[Any] = []
    for report in reports:
        if report.metric_id not in metric_ids:
            continue
        last = found[-1] if found else None
        if (
            last is None
            or last.step_count != report.step
            or report.metric_id in (metric.metric_id for metric in last.metrics)
        ):
            last = types.Measurement(
                step_count=report.step,
                elapsed_duration=timedelta(seconds=max(0.0, report.time - started_at)),
            )
            found.append(last)
        last.metrics.append(types.Measurement.Metric(metric_id=report.metric_id, value=report.value))
    return found


def final_measurement(study_spec: Any, found: Sequence[Any], reports: Sequence[MetricReport]) -> Any:
    """Select a trial's final Measurement: the last, or the best by the first metric if the study asks for it.

    Args:
        study_spec: the StudySpec.
        found: the trial's measurements.
        reports: the reports that they were made from.

    Raises:
        NoMeasurementError: none has a finite value of each metric.
    """
    wanted = [metric.metric_id for metric in study_spec.metrics]
    complete = [
        measurement
        for measurement in found
        if {metric.metric_id for metric in measurement.metrics if math.isfinite(metric.value)} >= set(wanted)
    ]
    if not complete:
        received = ", ".join(sorted({f"{r.metric_id}={r.value:g}" for r in reports})) or "no metric at all"
        raise NoMeasurementError(
            f"The trial ended without a measurement: expected a finite value of {' and '.join(wanted)} at "
            f"one step, reported with cloudml-hypertune; received {received}."
        )
    selection = types.StudySpec.MeasurementSelectionType.BEST_MEASUREMENT
    if study_spec.measurement_selection_type != selection:
        return complete[-1]
    minimize = study_spec.metrics[0].goal == types.StudySpec.MetricSpec.GoalType.MINIMIZE
    return (min if minimize else max)(complete, key=lambda measurement: _value(measurement, wanted[0]))


def metric_values(measurement: Any, metric_ids: Sequence[str]) -> tuple[float, ...]:
    """Return the values of a complete measurement, in the order of the metrics."""
    return tuple(_value(measurement, metric_id) for metric_id in metric_ids)


def _value(measurement: Any, metric_id: str) -> float:
    return float(next(m.value for m in measurement.metrics if m.metric_id == metric_id))
