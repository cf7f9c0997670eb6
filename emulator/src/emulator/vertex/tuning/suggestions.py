"""Which values a study tries next.

Optuna stands for Vertex AI Vizier: its tree-structured Parzen estimator for the default algorithm, its random
sampler for RANDOM_SEARCH. A suggestion depends on nothing but its arguments, so that it is the same after a
restart of the emulator.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import optuna

from emulator.vertex.tuning.points import Point, Tried
from emulator.vertex.tuning.search_space import SearchSpace
from emulator.vertex.wire.messages import types

_ALGORITHM = types.StudySpec.Algorithm
_MOST_RANDOM_TRIALS = 10
_ATTEMPTS = 10

optuna.logging.set_verbosity(optuna.logging.WARNING)


def suggest(study_spec: Any, tried: Sequence[Tried], *, seed: str, max_trial_count: int) -> Point | None:
    """The values of the next trial; `None` when all that there are have been tried.

    Args:
        study_spec: the StudySpec, checked.
        tried: the trials until now, in their order.
        seed: the same seed and the same trials give the same values.
        max_trial_count: how many trials there will be.
    """
    space = SearchSpace(study_spec.parameters)
    number = len(tried)
    if space.size is not None and number >= space.size:
        return None
    if study_spec.algorithm == _ALGORITHM.GRID_SEARCH:
        return space.grid_point(number)
    known = {trial.point for trial in tried}
    for attempt in range(_ATTEMPTS):
        sampler = _sampler(study_spec, f"{seed}/{number}/{attempt}", max_trial_count)
        point = _ask(study_spec, space, tried, sampler)
        if point not in known:
            return point
    if space.size is None:
        return point
    # Nearly all of a small space has been tried.
    return next(p for p in map(space.grid_point, range(space.size)) if p not in known)


def _sampler(study_spec: Any, seed: str, max_trial_count: int) -> optuna.samplers.BaseSampler:
    number = zlib.crc32(seed.encode())
    if study_spec.algorithm == _ALGORITHM.RANDOM_SEARCH:
        return optuna.samplers.RandomSampler(seed=number)
    # Optuna's 10 random trials would be all that most studies here have.
    random_trials = min(_MOST_RANDOM_TRIALS, max(2, max_trial_count // 2))
    return optuna.samplers.TPESampler(seed=number, n_startup_trials=random_trials)


def _ask(
    study_spec: Any, space: SearchSpace, tried: Sequence[Tried], sampler: optuna.samplers.BaseSampler
) -> Point:
    minimize = types.StudySpec.MetricSpec.GoalType.MINIMIZE
    study = optuna.create_study(
        sampler=sampler,
        directions=["minimize" if metric.goal == minimize else "maximize" for metric in study_spec.metrics],
    )
    study.add_trials([_trial(space, trial) for trial in tried])
    return space.point(study.ask(space.distributions).params)


def _trial(space: SearchSpace, trial: Tried) -> optuna.trial.FrozenTrial:
    state = optuna.trial.TrialState.RUNNING
    if trial.infeasible:
        state = optuna.trial.TrialState.FAIL
    elif trial.metrics:
        state = optuna.trial.TrialState.COMPLETE
    return optuna.trial.create_trial(
        state=state,
        params=space.sampled(trial.point),
        distributions=space.distributions,
        values=trial.metrics or None,
    )
