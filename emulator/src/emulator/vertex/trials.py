"""Trials of a study: their parameter values, their custom jobs and their results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from emulator.limits import DISPLAY_NAME
from emulator.state import State
from emulator.vertex.gapic import types
from emulator.vertex.jobs import FINAL_STATES
from emulator.vertex.measurements import (
    NoMeasurementError,
    final_measurement,
    metric_values,
    read_reports,
    to_measurements,
)

Value: TypeAlias = float | int | str
ParameterValues: TypeAlias = tuple[Value, ...]
"""One value for each parameter, in the study's order."""

METRIC_FILE = "output.metrics"
"""Name of the file that `cloudml-hypertune` writes, in /tmp/hypertune by default."""

_STATE = types.Trial.State
UNFINISHED = frozenset({_STATE.ACTIVE, _STATE.STOPPING})
"""States of a running trial."""

_KIND = "vertex.trials"
_METRIC_FOLDER = "hypertune"


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """A trial as far as suggestions depend on it.

    Attributes:
        parameters: its parameters' values.
        metrics: the values of the study's metrics, in their order; empty while it runs.
        infeasible: True if it ended without them.
    """

    parameters: ParameterValues
    metrics: tuple[float, ...] = ()
    infeasible: bool = False


@dataclass(frozen=True, kw_only=True)
class TrialReference:
    """Custom job of one trial.

    Attributes:
        custom_job: the CustomJob's resource name.
        tuning_job: the HyperparameterTuningJob's.
        trial_id: the trial's number in it, from "1".
    """

    custom_job: str
    tuning_job: str
    trial_id: str


class TrialIndex:
    """Index from custom jobs to their trials."""

    def __init__(self, state: State) -> None:
        self._state = state

    def put(self, trial: TrialReference) -> None:
        """Add a trial."""
        self._state.put(_KIND, trial.custom_job, asdict(trial))

    def get(self, custom_job: str) -> TrialReference | None:
        """Return the trial that a CustomJob runs; `None` for any other job."""
        document = self._state.get(_KIND, custom_job)
        return None if document is None else TrialReference(**document)

    def delete(self, custom_job: str) -> None:
        """Remove the trial of a CustomJob, if there is one."""
        self._state.delete(_KIND, custom_job)


def metric_folder(replica_directory: Path) -> Path:
    """Return the folder of a replica's metric file."""
    return replica_directory / _METRIC_FOLDER


def new_trial(study_spec: Any, values: ParameterValues, *, trial_id: str, custom_job: str) -> Any:
    """Return a Trial for suggested parameter values that a CustomJob runs."""
    pairs = zip(study_spec.parameters, values, strict=True)
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


def trial_job(tuning_job: Any, values: ParameterValues, *, trial_id: str) -> Any:
    """Return the CustomJob of a trial: each replica gets `--<parameter_id>=<value>` as last arguments."""
    suffix = f"-trial-{trial_id}"
    job = types.CustomJob(
        display_name=tuning_job.display_name[: DISPLAY_NAME.value - len(suffix)] + suffix,
        job_spec=types.CustomJobSpec(tuning_job.trial_job_spec),
    )
    pairs = zip(tuning_job.study_spec.parameters, values, strict=True)
    arguments = [f"--{parameter.parameter_id}={argument(value)}" for parameter, value in pairs]
    for pool in job.job_spec.worker_pool_specs:
        if "container_spec" in pool:
            pool.container_spec.args.extend(arguments)
        elif "python_package_spec" in pool:
            pool.python_package_spec.args.extend(arguments)
    return job


def argument(value: Value) -> str:
    """Format a parameter's value for a command line: whole numbers without a values, for `type=int`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def updated_trial(study_spec: Any, trial: Any, custom_job: Any, directory: Path | None) -> Any:
    """Return a copy of a running Trial, updated from its reports and its job.

    Args:
        study_spec: the StudySpec.
        trial: the Trial.
        custom_job: its CustomJob.
        directory: the folder of the replica that reports; `None` before it is planned.
    """
    trial = types.Trial(trial)
    metric_ids = [metric.metric_id for metric in study_spec.metrics]
    reports = [] if directory is None else read_reports(metric_folder(directory) / METRIC_FILE)
    found = to_measurements(reports, metric_ids, started_at=trial.start_time.timestamp())
    finished = custom_job.state in FINAL_STATES
    # While it runs the file may be incomplete: fewer measurements than before are ignored.
    if finished or len(found) >= len(trial.measurements):
        trial.measurements = found
    if not finished:
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


def trial_results(study_spec: Any, trials: Iterable[Any]) -> list[TrialResult]:
    """Return the trials so far, as suggestions need them."""
    metric_ids = [metric.metric_id for metric in study_spec.metrics]
    return [_trial_result(study_spec.parameters, metric_ids, trial) for trial in trials]


def _trial_result(parameters: Sequence[Any], metric_ids: Sequence[str], trial: Any) -> TrialResult:
    # A number in a Value is a double, whatever it was.
    values = [
        int(given.value) if "integer_value_spec" in parameter else given.value
        for parameter, given in zip(parameters, trial.parameters, strict=True)
    ]
    succeeded = trial.state == _STATE.SUCCEEDED
    return TrialResult(
        parameters=tuple(values),
        metrics=metric_values(trial.final_measurement, metric_ids) if succeeded else (),
        infeasible=trial.state == _STATE.INFEASIBLE,
    )
