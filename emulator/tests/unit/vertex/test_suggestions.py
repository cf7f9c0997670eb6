import math

import pytest

from emulator.vertex.gapic import types
from emulator.vertex.suggestions import SearchSpace, suggest
from emulator.vertex.trials import TrialResult

RATE = {
    "parameter_id": "rate",
    "double_value_spec": {"min_value": 1e-5, "max_value": 1.0},
    "scale_type": "UNIT_LOG_SCALE",
}
UNITS = {"parameter_id": "units", "integer_value_spec": {"min_value": 1, "max_value": 3}}
NAME = {"parameter_id": "name", "categorical_value_spec": {"values": ["a", "b"]}}


def study(*parameters, algorithm: str = "ALGORITHM_UNSPECIFIED", goal: str = "MAXIMIZE") -> types.StudySpec:
    metrics = [{"metric_id": "m", "goal": goal}]
    return types.StudySpec(metrics=metrics, parameters=parameters, algorithm=algorithm)


def run(spec: types.StudySpec, count: int, score=lambda values: 0.0, *, seed: str = "s") -> list[TrialResult]:
    trials: list[TrialResult] = []
    for _ in range(count):
        values = suggest(spec, trials, seed=seed, max_trial_count=count)
        if values is None:
            break
        trials.append(TrialResult(parameters=values, metrics=(score(values),)))
    return trials


def test_suggest_with_the_same_seed_is_the_same() -> None:
    spec = study(RATE, NAME)
    assert run(spec, 6) == run(spec, 6)
    assert run(spec, 6) != run(spec, 6, seed="other")


def test_suggest_stays_inside_and_differs_from_trial_to_trial() -> None:
    trials = run(study(RATE, UNITS, NAME, algorithm="RANDOM_SEARCH"), 20)
    assert all(1e-5 <= rate <= 1 and units in (1, 2, 3) and name in "ab" for rate, units, name in
               (trial.parameters for trial in trials))  # fmt: skip
    assert len({trial.parameters for trial in trials}) == 20


def nearness(values) -> float:
    return -abs(math.log10(values[0]) + 3)


def test_suggest_learns_from_what_was_tried() -> None:
    def mean_of_last(algorithm: str) -> float:
        trials = run(study(RATE, algorithm=algorithm), 30, nearness)
        return sum(trial.metrics[0] for trial in trials[15:]) / 15

    assert mean_of_last("ALGORITHM_UNSPECIFIED") > mean_of_last("RANDOM_SEARCH")


def test_suggest_follows_the_goal() -> None:
    trials = run(study(RATE, goal="MINIMIZE"), 30, lambda values: -nearness(values))
    assert sum(trial.metrics[0] for trial in trials[15:]) < sum(trial.metrics[0] for trial in trials[:15])


def test_suggest_with_running_and_failed_trials_goes_on() -> None:
    trials = [
        TrialResult(parameters=(0.1,)),
        TrialResult(parameters=(0.2,), infeasible=True),
        TrialResult(parameters=(0.3,), metrics=(1.0,)),
    ]
    values = suggest(study(RATE), trials, seed="s", max_trial_count=9)
    assert values is not None
    assert values not in {trial.parameters for trial in trials}


def test_suggest_ends_when_all_have_been_tried() -> None:
    for algorithm in ("GRID_SEARCH", "RANDOM_SEARCH", "ALGORITHM_UNSPECIFIED"):
        trials = run(study(UNITS, NAME, algorithm=algorithm), 10)
        assert len({trial.parameters for trial in trials}) == 6


def test_suggest_for_several_metrics_learns_from_all() -> None:
    metrics = [{"metric_id": "a", "goal": "MAXIMIZE"}, {"metric_id": "b", "goal": "MINIMIZE"}]
    spec = types.StudySpec(metrics=metrics, parameters=[RATE])
    trials = [TrialResult(parameters=(0.1 * n,), metrics=(0.1 * n, -0.1 * n)) for n in range(1, 6)]
    assert suggest(spec, trials, seed="s", max_trial_count=6) is not None


def space(*specs) -> SearchSpace:
    return SearchSpace([types.StudySpec.ParameterSpec(parameter_id=str(n), **s) for n, s in enumerate(specs)])


DOUBLE = {"double_value_spec": {"min_value": 0.001, "max_value": 1.0}}
INTEGER = {"integer_value_spec": {"min_value": 3, "max_value": 5}}
CATEGORY = {"categorical_value_spec": {"values": ["a", "b"]}}
DISCRETE = {"discrete_value_spec": {"values": [0.5, 2.0, 8.0]}}


@pytest.mark.parametrize("scale", ["SCALE_TYPE_UNSPECIFIED", "UNIT_LINEAR_SCALE", "UNIT_LOG_SCALE"])
def test_sampled_of_a_double_is_its_value(scale: str) -> None:
    one = space({**DOUBLE, "scale_type": scale})
    assert one.distributions["0"].log == (scale == "UNIT_LOG_SCALE")
    assert one.values({"0": 0.25}) == (0.25,)


@pytest.mark.parametrize(("spec", "value"), [(DOUBLE, 0.75), (INTEGER, 4), (DOUBLE, 0.001), (INTEGER, 5)])
def test_reverse_log_scale_mirrors_there_and_back(spec, value) -> None:
    one = space({**spec, "scale_type": "UNIT_REVERSE_LOG_SCALE"})
    sampled = one.sampled((value,))
    assert one.values(sampled)[0] == pytest.approx(value)
    assert one.distributions["0"]._contains(sampled["0"])


def test_reverse_log_scale_spreads_the_top() -> None:
    one = space({**DOUBLE, "scale_type": "UNIT_REVERSE_LOG_SCALE"})
    assert one.values({"0": 0.001})[0] == pytest.approx(1.0)
    assert one.values({"0": 0.01})[0] == pytest.approx(0.991)


def test_discrete_values_are_sampled_by_index() -> None:
    one = space(DISCRETE)
    assert one.values({"0": 2}) == (8.0,)
    assert one.sampled((8.0,)) == {"0": 2}


def test_size_is_known_without_doubles_only() -> None:
    assert space(INTEGER, CATEGORY, DISCRETE).size == 18
    assert space(INTEGER, DOUBLE).size is None


def test_grid_values_are_all_different_and_the_last_parameter_varies_fastest() -> None:
    grid = space(INTEGER, CATEGORY)
    combinations = [grid.grid_values(index) for index in range(6)]
    assert combinations == [(3, "a"), (3, "b"), (4, "a"), (4, "b"), (5, "a"), (5, "b")]


def test_grid_of_a_huge_range_is_not_written_out() -> None:
    huge = space({"integer_value_spec": {"min_value": 0, "max_value": 10**15}})
    assert huge.grid_values(10**14) == (10**14,)
