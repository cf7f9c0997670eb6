"""The trials of a study: what they run, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulator.vertex.outcome import FINAL_STATES
from emulator.vertex.trial_links import METRIC_FILE, metric_folder
from emulator.vertex.tuning.measurements import (
    NoMeasurementError,
    final_measurement,
    measurements,
    metric_values,
    read_reports,
)
from emulator.vertex.tuning.points import Point, Tried, Value
from emulator.vertex.wire.messages import types

_STATE = types.Trial.State
_DISPLAY_NAME_LENGTH = 128
UNFINISHED = frozenset({_STATE.ACTIVE, _STATE.STOPPING})
"""The states of a trial that still runs."""


def new_trial(study_spec: Any, point: Point, *, trial_id: str, custom_job: str) -> Any:
    """A Trial that has been suggested and is carried out by a CustomJob."""
    pairs = zip(study_spec.parameters, point, strict=True)
    return types.Trial(
        id=trial_id,
        state=_STATE.ACTIVE,
        parameters=[
            types.Trial.Parameter(parameter_id=parameter.parameter_id, value=value)
            for parameter, value in pairs
        ],
        start_time=datetime.now(UTC),
        custom_job=custom_job,
    )


def trial_job(tuning_job: Any, point: Point, *, trial_id: str) -> Any:
    """The CustomJob of a trial: each replica gets `--<parameter_id>=<value>` behind its other arguments."""
    suffix = f"-trial-{trial_id}"
    job = types.CustomJob(
        display_name=tuning_job.display_name[: _DISPLAY_NAME_LENGTH - len(suffix)] + suffix,
        job_spec=types.CustomJobSpec(tuning_job.trial_job_spec),
    )
    pairs = zip(tuning_job.study_spec.parameters, point, strict=True)
    arguments = [f"--{parameter.parameter_id}={argument(value)}" for parameter, value in pairs]
    for pool in job.job_spec.worker_pool_specs:
        if "container_spec" in pool:
            pool.container_spec.args.extend(arguments)
        elif "python_package_spec" in pool:
            pool.python_package_spec.args.extend(arguments)
    return job


def argument(value: Value) -> str:
    """A parameter's value on a command line: whole numbers without a point, for `type=int`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def followed(study_spec: Any, trial: Any, custom_job: Any, directory: Path | None) -> Any:
    """A Trial that still runs as it stands now: a changed copy.

    Args:
        study_spec: the StudySpec.
        trial: the Trial.
        custom_job: its CustomJob.
        directory: the folder of the replica that reports; `None` before there is one.
    """
    trial = types.Trial(trial)
    metric_ids = [metric.metric_id for metric in study_spec.metrics]
    reports = [] if directory is None else read_reports(metric_folder(directory) / METRIC_FILE)
    found = measurements(reports, metric_ids, started_at=trial.start_time.timestamp())
    over = custom_job.state in FINAL_STATES
    # While it runs the file may be half written: fewer measurements than before are no news.
    if over or len(found) >= len(trial.measurements):
        trial.measurements = found
    if not over:
        return trial
    trial.end_time = custom_job.end_time
    try:
        if custom_job.state != types.JobState.JOB_STATE_SUCCEEDED:
            raise NoMeasurementError(custom_job.error.message)
        trial.final_measurement = final_measurement(study_spec, found, reports)
        trial.state = _STATE.SUCCEEDED
    except NoMeasurementError as error:
        trial.state = _STATE.INFEASIBLE
        trial.infeasible_reason = str(error)
    return trial


def tried(study_spec: Any, trials: Iterable[Any]) -> list[Tried]:
    """The trials until now as suggestions look at them."""
    metric_ids = [metric.metric_id for metric in study_spec.metrics]
    return [_tried(study_spec.parameters, metric_ids, trial) for trial in trials]


def _tried(parameters: Sequence[Any], metric_ids: Sequence[str], trial: Any) -> Tried:
    # A number in a Value is a double, whatever it was.
    values = [
        int(given.value) if "integer_value_spec" in parameter else given.value
        for parameter, given in zip(parameters, trial.parameters, strict=True)
    ]
    succeeded = trial.state == _STATE.SUCCEEDED
    return Tried(
        point=tuple(values),
        metrics=metric_values(trial.final_measurement, metric_ids) if succeeded else (),
        infeasible=trial.state == _STATE.INFEASIBLE,
    )
