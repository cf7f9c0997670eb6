"""Validation of HyperparameterTuningJobs and StudySpecs.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/StudySpec
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from emulator.errors import InvalidArgument, Unimplemented
from emulator.limits import DISCRETE_VALUES
from emulator.vertex.gapic import types
from emulator.vertex.job_spec import check_job_spec
from emulator.vertex.names import check_display_name, check_labels

_JOB = "hyperparameter_tuning_job"
_STUDY = f"{_JOB}.study_spec"
_MOST_VALUES = DISCRETE_VALUES.value
_SCALE = types.StudySpec.ParameterSpec.ScaleType
_LOG_SCALES = (_SCALE.UNIT_LOG_SCALE, _SCALE.UNIT_REVERSE_LOG_SCALE)
_NOT_EMULATED = (
    "decay_curve_stopping_spec",
    "median_automated_stopping_spec",
    "convex_automated_stopping_spec",
    "study_stopping_config",
)
_VALUE_SPECS = ("double_value_spec", "integer_value_spec", "categorical_value_spec", "discrete_value_spec")


def check_tuning_job(job: Any) -> None:
    """Refuse a job that the service would not run, or that asks for what isn't emulated.

    Raises:
        InvalidArgument: a field is missing or has a value that it can't have.
        Unimplemented: a field asks for what isn't emulated.
    """
    check_display_name(job.display_name, f"{_JOB}.display_name")
    check_labels(dict(job.labels), f"{_JOB}.labels")
    most = job.max_trial_count
    if most < 1:
        raise InvalidArgument(f"{_JOB}.max_trial_count: expected 1 or more, received {most}")
    if not 1 <= job.parallel_trial_count <= most:
        raise InvalidArgument(
            f"{_JOB}.parallel_trial_count: expected 1 to max_trial_count ({most}), "
            f"received {job.parallel_trial_count}"
        )
    if job.max_failed_trial_count < 0:
        raise InvalidArgument(
            f"{_JOB}.max_failed_trial_count: expected 0 or more, received {job.max_failed_trial_count}"
        )
    _check_study(job.study_spec)
    check_job_spec(job.trial_job_spec, f"{_JOB}.trial_job_spec")


def value_spec(parameter: Any) -> str:
    """Return the name of a ParameterSpec's value spec, `double_value_spec` for instance, or an empty one."""
    return next((name for name in _VALUE_SPECS if name in parameter), "")


def _check_study(study: Any) -> None:
    for field in _NOT_EMULATED:
        if field in study:
            raise Unimplemented(f"{_STUDY}.{field} is not emulated: every trial runs to its end.")
    _check_ids([metric.metric_id for metric in study.metrics], "metrics", "metric_id")
    for index, metric in enumerate(study.metrics):
        if "safety_config" in metric:
            raise Unimplemented(f"{_STUDY}.metrics[{index}].safety_config is not emulated.")
    _check_ids([parameter.parameter_id for parameter in study.parameters], "parameters", "parameter_id")
    for index, parameter in enumerate(study.parameters):
        where = f"{_STUDY}.parameters[{index}]"
        if parameter.conditional_parameter_specs:
            raise Unimplemented(f"{where}.conditional_parameter_specs is not emulated.")
        name = value_spec(parameter)
        if not name:
            raise InvalidArgument(f"{where}: expected one of {', '.join(_VALUE_SPECS)}, received none")
        _CHECKS[name](parameter, where, name)
        if "default_value" in getattr(parameter, name):
            raise InvalidArgument(
                f"{where}.{name}.default_value: tuning jobs don't take it, only Vizier does"
            )
        if study.algorithm == types.StudySpec.Algorithm.GRID_SEARCH and name == "double_value_spec":
            raise InvalidArgument(
                f"{where}.double_value_spec: GRID_SEARCH takes integer, categorical and discrete values only"
            )


def _check_ids(ids: Sequence[str], field: str, name: str) -> None:
    if not ids:
        raise InvalidArgument(f"{_STUDY}.{field}: expected at least one, received none")
    for index, text in enumerate(ids):
        where = f"{_STUDY}.{field}[{index}].{name}"
        if not text or any(character.isspace() for character in text):
            raise InvalidArgument(f"{where}: expected text without white space, received {text!r}")
        if text in ids[:index]:
            raise InvalidArgument(f"{where}: expected each once, received {text!r} again")


def _check_range(parameter: Any, where: str, name: str) -> None:
    spec = getattr(parameter, name)
    if not (math.isfinite(spec.min_value) and math.isfinite(spec.max_value)):
        raise InvalidArgument(
            f"{where}.{name}: expected finite numbers, received {spec.min_value} to {spec.max_value}"
        )
    if spec.min_value > spec.max_value:
        raise InvalidArgument(
            f"{where}.{name}.max_value: expected at least min_value ({spec.min_value}), "
            f"received {spec.max_value}"
        )
    _check_positive(parameter, f"{where}.{name}.min_value", spec.min_value)


def _check_categories(parameter: Any, where: str, name: str) -> None:
    values = list(parameter.categorical_value_spec.values)
    if not values or len(set(values)) < len(values):
        raise InvalidArgument(f"{where}.{name}.values: expected one or more, each once, received {values}")
    if parameter.scale_type:
        raise InvalidArgument(
            f"{where}.scale_type: expected none for categorical values, received {parameter.scale_type.name}"
        )


def _check_discrete(parameter: Any, where: str, name: str) -> None:
    values = list(parameter.discrete_value_spec.values)
    if not 1 <= len(values) <= _MOST_VALUES:
        raise InvalidArgument(
            f"{where}.{name}.values: expected 1 to {_MOST_VALUES} numbers, received {len(values)}"
        )
    if not all(map(math.isfinite, values)) or any(b <= a for a, b in itertools.pairwise(values)):
        raise InvalidArgument(
            f"{where}.{name}.values: expected finite numbers in increasing order, received {values}"
        )
    _check_positive(parameter, f"{where}.{name}.values", values[0])


def _check_positive(parameter: Any, where: str, lowest: float) -> None:
    if parameter.scale_type in _LOG_SCALES and lowest <= 0:
        raise InvalidArgument(
            f"{where}: expected more than 0 for {parameter.scale_type.name}, received {lowest}"
        )


_CHECKS: dict[str, Callable[[Any, str, str], None]] = {
    "double_value_spec": _check_range,
    "integer_value_spec": _check_range,
    "categorical_value_spec": _check_categories,
    "discrete_value_spec": _check_discrete,
}
