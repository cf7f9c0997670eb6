import pytest

from emulator.vertex.tuning.search_space import SearchSpace
from emulator.vertex.wire.messages import types


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
    assert one.point({"0": 0.25}) == (0.25,)


@pytest.mark.parametrize(("spec", "value"), [(DOUBLE, 0.75), (INTEGER, 4), (DOUBLE, 0.001), (INTEGER, 5)])
def test_reverse_log_scale_mirrors_there_and_back(spec, value) -> None:
    one = space({**spec, "scale_type": "UNIT_REVERSE_LOG_SCALE"})
    sampled = one.sampled((value,))
    assert one.point(sampled)[0] == pytest.approx(value)
    assert one.distributions["0"]._contains(sampled["0"])


def test_reverse_log_scale_spreads_the_top() -> None:
    one = space({**DOUBLE, "scale_type": "UNIT_REVERSE_LOG_SCALE"})
    assert one.point({"0": 0.001})[0] == pytest.approx(1.0)
    assert one.point({"0": 0.01})[0] == pytest.approx(0.991)


def test_discrete_values_are_sampled_by_place() -> None:
    one = space(DISCRETE)
    assert one.point({"0": 2}) == (8.0,)
    assert one.sampled((8.0,)) == {"0": 2}


def test_size_is_known_without_doubles_only() -> None:
    assert space(INTEGER, CATEGORY, DISCRETE).size == 18
    assert space(INTEGER, DOUBLE).size is None


def test_grid_points_are_all_different_and_the_last_parameter_varies_fastest() -> None:
    grid = space(INTEGER, CATEGORY)
    points = [grid.grid_point(index) for index in range(6)]
    assert points == [(3, "a"), (3, "b"), (4, "a"), (4, "b"), (5, "a"), (5, "b")]


def test_grid_of_a_huge_range_is_not_written_out() -> None:
    huge = space({"integer_value_spec": {"min_value": 0, "max_value": 10**15}})
    assert huge.grid_point(10**14) == (10**14,)
