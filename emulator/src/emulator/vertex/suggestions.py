"""Suggestions of a study's next trial: the search space and its samplers.

Optuna stands for Vertex AI Vizier: its tree-structured Parzen estimator for the default algorithm, its random
sampler for RANDOM_SEARCH. A suggestion depends on nothing but its arguments, so that it is the same after a
restart of the emulator.

https://cloud.google.com/vertex-ai/docs/training/using-hyperparameter-tuning#hyperparameters
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from emulator.vertex.gapic import types
from emulator.vertex.study_spec import value_spec
from emulator.vertex.trials import ParameterValues, TrialResult, Value

_SCALE = types.StudySpec.ParameterSpec.ScaleType
_LOG_SCALES = (_SCALE.UNIT_LOG_SCALE, _SCALE.UNIT_REVERSE_LOG_SCALE)
_ALGORITHM = types.StudySpec.Algorithm
_MOST_RANDOM_TRIALS = 10
_ATTEMPTS = 10

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One parameter of a search space.

    Attributes:
        parameter_id: its name.
        distribution: Optuna's distribution of the value itself, of its index in `choices`, or, if `mirrored`,
            of its mirror image between the lowest and the highest value.
        choices: the values of a discrete or categorical parameter, or all of an integer's; `None` for a
            double's.
        by_index: True if the distribution is over indices of `choices`.
        mirrored: True for a reverse logarithmic scale.
    """

    parameter_id: str
    distribution: BaseDistribution
    choices: Sequence[Value] | None
    by_index: bool = False
    mirrored: bool = False

    def value(self, sampled: Any) -> Value:
        """Return the parameter's value for a sample of the distribution."""
        if self.by_index and self.choices is not None:
            return self.choices[sampled]
        return self._mirror(sampled) if self.mirrored else sampled

    def sampled(self, value: Value) -> Any:
        """Return the sample of the distribution for a value."""
        if self.by_index and self.choices is not None:
            return self.choices.index(value)
        return self._mirror(value) if self.mirrored else value

    def _mirror(self, value: Any) -> Any:
        low, high = self.distribution.low, self.distribution.high  # type: ignore[attr-defined]
        # The sum may be off by a rounding.
        return min(max(low + high - value, low), high)


class SearchSpace:
    """Search space of a study: one dimension for each parameter."""

    def __init__(self, parameters: Sequence[Any]) -> None:
        """Build the space of valid ParameterSpecs."""
        self.dimensions = [_dimension(parameter) for parameter in parameters]

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's distributions by parameter."""
        return {dimension.parameter_id: dimension.distribution for dimension in self.dimensions}

    @property
    def size(self) -> int | None:
        """Number of combinations; `None` if a parameter is a double."""
        sizes = [None if d.choices is None else len(d.choices) for d in self.dimensions]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def values(self, sampled: Mapping[str, Any]) -> ParameterValues:
        """Return the parameter values for samples of the distributions."""
        return tuple(dimension.value(sampled[dimension.parameter_id]) for dimension in self.dimensions)

    def sampled(self, values: ParameterValues) -> dict[str, Any]:
        """Return the samples of the distributions for parameter values."""
        pairs = zip(self.dimensions, values, strict=True)
        return {dimension.parameter_id: dimension.sampled(value) for dimension, value in pairs}

    def grid_values(self, index: int) -> ParameterValues:
        """Return a combination of a space without doubles by its index; the last parameter varies fastest."""
        values: list[Value] = []
        for dimension in reversed(self.dimensions):
            choices = dimension.choices or ()
            index, choice = divmod(index, len(choices))
            values.append(choices[choice])
        return tuple(reversed(values))


def _dimension(parameter: Any) -> Dimension:
    name = value_spec(parameter)
    spec = getattr(parameter, name)
    log = parameter.scale_type in _LOG_SCALES
    mirrored = parameter.scale_type == _SCALE.UNIT_REVERSE_LOG_SCALE
    identifier = parameter.parameter_id
    if name == "double_value_spec":
        return Dimension(
            parameter_id=identifier,
            distribution=FloatDistribution(spec.min_value, spec.max_value, log=log),
            choices=None,
            mirrored=mirrored,
        )
    if name == "integer_value_spec":
        return Dimension(
            parameter_id=identifier,
            distribution=IntDistribution(spec.min_value, spec.max_value, log=log),
            choices=range(spec.min_value, spec.max_value + 1),
            mirrored=mirrored,
        )
    if name == "categorical_value_spec":
        values = tuple(spec.values)
        return Dimension(
            parameter_id=identifier, distribution=CategoricalDistribution(values), choices=values
        )
    # Indices rather than categories: neighbours are alike.
    numbers = tuple(spec.values)
    return Dimension(
        parameter_id=identifier,
        distribution=IntDistribution(0, len(numbers) - 1),
        choices=numbers,
        by_index=True,
    )


def suggest(
    study_spec: Any, trials: Sequence[TrialResult], *, seed: str, max_trial_count: int
) -> ParameterValues | None:
    """Return the parameter values of the next trial; `None` if every combination has been tried.

    Args:
        study_spec: the StudySpec, validated.
        trials: the trials so far, in order.
        seed: the seed of the sampler; the same seed and the same trials give the same values.
        max_trial_count: the number of trials of the whole study.
    """
    space = SearchSpace(study_spec.parameters)
    number = len(trials)
    if space.size is not None and number >= space.size:
        return None
    if study_spec.algorithm == _ALGORITHM.GRID_SEARCH:
        return space.grid_values(number)
    known = {trial.parameters for trial in trials}
    for attempt in range(_ATTEMPTS):
        sampler = _sampler(study_spec, f"{seed}/{number}/{attempt}", max_trial_count)
        values = _ask(study_spec, space, trials, sampler)
        if values not in known:
            return values
    if space.size is None:
        return values
    # Nearly all of a small space has been tried.
    return next(values for values in map(space.grid_values, range(space.size)) if values not in known)


def _sampler(study_spec: Any, seed: str, max_trial_count: int) -> optuna.samplers.BaseSampler:
    number = zlib.crc32(seed.encode())
    if study_spec.algorithm == _ALGORITHM.RANDOM_SEARCH:
        return optuna.samplers.RandomSampler(seed=number)
    # Optuna's 10 random trials would be all that most studies here have.
    random_trials = min(_MOST_RANDOM_TRIALS, max(2, max_trial_count // 2))
    return optuna.samplers.TPESampler(seed=number, n_startup_trials=random_trials)


def _ask(
    study_spec: Any, space: SearchSpace, trials: Sequence[TrialResult], sampler: optuna.samplers.BaseSampler
) -> ParameterValues:
    minimize = types.StudySpec.MetricSpec.GoalType.MINIMIZE
    study = optuna.create_study(
        sampler=sampler,
        directions=["minimize" if metric.goal == minimize else "maximize" for metric in study_spec.metrics],
    )
    study.add_trials([_trial(space, trial) for trial in trials])
    return space.values(study.ask(space.distributions).params)


def _trial(space: SearchSpace, trial: TrialResult) -> optuna.trial.FrozenTrial:
    state = optuna.trial.TrialState.RUNNING
    if trial.infeasible:
        state = optuna.trial.TrialState.FAIL
    elif trial.metrics:
        state = optuna.trial.TrialState.COMPLETE
    return optuna.trial.create_trial(
        state=state,
        params=space.sampled(trial.parameters),
        distributions=space.distributions,
        values=trial.metrics or None,
    )
