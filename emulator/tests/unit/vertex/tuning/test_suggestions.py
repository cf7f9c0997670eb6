import math

from emulator.vertex.tuning.points import Tried
from emulator.vertex.tuning.suggestions import suggest
from emulator.vertex.wire.messages import types

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


def run(spec: types.StudySpec, count: int, score=lambda point: 0.0, *, seed: str = "s") -> list[Tried]:
    tried: list[Tried] = []
    for _ in range(count):
        point = suggest(spec, tried, seed=seed, max_trial_count=count)
        if point is None:
            break
        tried.append(Tried(point=point, metrics=(score(point),)))
    return tried


def test_suggest_with_the_same_seed_is_the_same() -> None:
    spec = study(RATE, NAME)
    assert run(spec, 6) == run(spec, 6)
    assert run(spec, 6) != run(spec, 6, seed="other")


def test_suggest_stays_inside_and_differs_from_trial_to_trial() -> None:
    tried = run(study(RATE, UNITS, NAME, algorithm="RANDOM_SEARCH"), 20)
    assert all(1e-5 <= rate <= 1 and units in (1, 2, 3) and name in "ab" for rate, units, name in
               (trial.point for trial in tried))  # fmt: skip
    assert len({trial.point for trial in tried}) == 20


def nearness(point) -> float:
    return -abs(math.log10(point[0]) + 3)


def test_suggest_learns_from_what_was_tried() -> None:
    def mean_of_last(algorithm: str) -> float:
        tried = run(study(RATE, algorithm=algorithm), 30, nearness)
        return sum(trial.metrics[0] for trial in tried[15:]) / 15

    assert mean_of_last("ALGORITHM_UNSPECIFIED") > mean_of_last("RANDOM_SEARCH")


def test_suggest_follows_the_goal() -> None:
    tried = run(study(RATE, goal="MINIMIZE"), 30, lambda point: -nearness(point))
    assert sum(trial.metrics[0] for trial in tried[15:]) < sum(trial.metrics[0] for trial in tried[:15])


def test_suggest_with_running_and_failed_trials_goes_on() -> None:
    tried = [Tried(point=(0.1,)), Tried(point=(0.2,), infeasible=True), Tried(point=(0.3,), metrics=(1.0,))]
    point = suggest(study(RATE), tried, seed="s", max_trial_count=9)
    assert point is not None
    assert point not in {trial.point for trial in tried}


def test_suggest_ends_when_all_have_been_tried() -> None:
    for algorithm in ("GRID_SEARCH", "RANDOM_SEARCH", "ALGORITHM_UNSPECIFIED"):
        tried = run(study(UNITS, NAME, algorithm=algorithm), 10)
        assert len({trial.point for trial in tried}) == 6


def test_suggest_for_several_metrics_learns_from_all() -> None:
    metrics = [{"metric_id": "a", "goal": "MAXIMIZE"}, {"metric_id": "b", "goal": "MINIMIZE"}]
    spec = types.StudySpec(metrics=metrics, parameters=[RATE])
    tried = [Tried(point=(0.1 * n,), metrics=(0.1 * n, -0.1 * n)) for n in range(1, 6)]
    assert suggest(spec, tried, seed="s", max_trial_count=6) is not None
