import pytest

from emulator.errors import FailedPrecondition, InvalidArgument
from emulator.vertex.traffic import WeightedRoundRobin, split_after_deploy, split_after_undeploy


def test_split_after_deploy_puts_the_new_model_in_place_of_0() -> None:
    after = split_after_deploy({"1": 100}, {"0": 10, "1": 90}, new_id="2", others=["1"])
    assert after == {"2": 10, "1": 90}


def test_split_after_deploy_without_a_request_stays() -> None:
    assert split_after_deploy({"1": 100}, {}, new_id="2", others=["1"]) == {"1": 100}


@pytest.mark.parametrize("requested", [{"0": 99}, {"0": 50, "9": 50}, {"0": 101, "1": -1}])
def test_split_after_deploy_that_is_impossible_is_refused(requested) -> None:
    with pytest.raises(InvalidArgument, match="traffic_split"):
        split_after_deploy({}, requested, new_id="2", others=["1"])


def test_split_after_undeploy_of_the_last_model_is_empty() -> None:
    assert split_after_undeploy({"1": 100}, {}, removed="1", others=[]) == {}


def test_split_after_undeploy_of_a_model_with_traffic_is_refused() -> None:
    with pytest.raises(FailedPrecondition, match="60 %"):
        split_after_undeploy({"1": 60, "2": 40}, {}, removed="1", others=["2"])
    with pytest.raises(FailedPrecondition, match="60 %"):
        split_after_undeploy({"1": 60, "2": 40}, {"1": 60, "2": 40}, removed="1", others=["2"])


def test_split_after_undeploy_follows_the_request() -> None:
    assert split_after_undeploy({"1": 60, "2": 40}, {"1": 0, "2": 100}, removed="1", others=["2"]) == {
        "2": 100
    }
    assert split_after_undeploy({"1": 0, "2": 100}, {}, removed="1", others=["2"]) == {"2": 100}


def test_rotation_gives_each_its_share_evenly_spread() -> None:
    rotation = WeightedRoundRobin()
    chosen = [rotation.choose("e", {"a": 50, "b": 25, "c": 25, "d": 0}) for _ in range(8)]
    assert [chosen.count(key) for key in "abcd"] == [4, 2, 2, 0]
    assert "a" in chosen[:2]
    assert "a" in chosen[2:4]


def test_rotation_follows_a_changed_split() -> None:
    rotation = WeightedRoundRobin()
    rotation.choose("e", {"a": 100})
    assert rotation.choose("e", {"b": 100}) == "b"


def test_rotation_without_traffic_is_refused() -> None:
    with pytest.raises(FailedPrecondition, match="doesn't have traffic_split"):
        WeightedRoundRobin().choose("e", {"a": 0})
