"""Hyperparameter tuning in Vertex AI's terms: the study and its trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract import GateSpec, Search, TuningSpec
from contract.features import Scalar

SUCCEEDED = "SUCCEEDED"
_SCALES = {"linear": "UNIT_LINEAR_SCALE", "log": "UNIT_LOG_SCALE"}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial of a tuning job.

    Attributes:
        id: its number, as text.
        state: in the service's terms.
        values: the arguments that it was given; numbers come as floats.
        metrics: the last ones that it reported.
    """

    id: str
    state: str
    values: Mapping[str, Scalar]
    metrics: Mapping[str, float]

    def sentence(self, metric: str) -> str:
        """Return its values, state and metric, for people."""
        values = ", ".join(f"{name} {_short(value)}" for name, value in self.values.items())
        reached = f", {metric} {self.metrics[metric]:.4g}" if metric in self.metrics else ""
        return f"trial {self.id} ({values}): {self.state}{reached}"


def study_spec(tuning: TuningSpec, gate: GateSpec) -> dict[str, Any]:
    """Return the search as a StudySpec of Vertex AI.

    https://cloud.google.com/vertex-ai/docs/reference/rest/v1/StudySpec
    """
    goal = "MAXIMIZE" if gate.direction == "higher" else "MINIMIZE"
    return {
        "metrics": [{"metric_id": gate.metric, "goal": goal}],
        "parameters": [
            {"parameter_id": name, **_parameter(search)} for name, search in tuning.parameters.items()
        ],
    }


def best_trial(trials: Sequence[Trial], gate: GateSpec) -> Trial | None:
    """Return the best trial by the gate's metric, of equal ones the first; None if no trial reported it."""
    scored = [trial for trial in trials if trial.state == SUCCEEDED and gate.metric in trial.metrics]
    sign = 1 if gate.direction == "higher" else -1
    return max(scored, key=lambda trial: sign * trial.metrics[gate.metric], default=None)


def trial_arguments(trial: Trial, tuning: TuningSpec) -> dict[str, Scalar]:
    """Return a trial's values in the types of the search space."""
    return {
        name: _typed(trial.values[name], search)
        for name, search in tuning.parameters.items()
        if name in trial.values
    }


def _parameter(search: Search) -> dict[str, Any]:
    if search.values:
        if all(_is_number(value) for value in search.values):
            return {
                # The service wants them in order.
                "discrete_value_spec": {"values": sorted({float(value) for value in search.values})},
                "scale_type": _SCALES[search.scale],
            }
        return {"categorical_value_spec": {"values": [str(value) for value in search.values]}}
    kind = "integer_value_spec" if _is_whole(search) else "double_value_spec"
    return {
        kind: {"min_value": search.minimum, "max_value": search.maximum},
        "scale_type": _SCALES[search.scale],
    }


def _typed(value: Scalar, search: Search) -> Scalar:
    if search.values:
        return next((known for known in search.values if known == value or str(known) == value), value)
    return round(float(value)) if _is_whole(search) else value


def _is_whole(search: Search) -> bool:
    return isinstance(search.minimum, int) and isinstance(search.maximum, int)


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float)


def _short(value: Scalar) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
