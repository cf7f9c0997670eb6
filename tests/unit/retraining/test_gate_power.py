"""Operating characteristics of the gate, simulated: equal models go live, worse ones don't."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TRIALS = 60
AT_LEAST = 0.9


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    file = Path(__file__).parents[3] / "benchmarks" / "gate_power.py"
    spec = importlib.util.spec_from_file_location("gate_power", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("metric", "records"), [("accuracy", 106), ("accuracy", 367), ("mae", 367)])
def test_gate_promotes_equal_models_each_time_and_refuses_those_worse_by_what_it_states(
    simulation: ModuleType, metric: str, records: int
) -> None:
    found = simulation.characteristics(metric, records, TRIALS)
    assert found.first >= AT_LEAST
    assert found.tenth >= AT_LEAST
    assert found.refused >= AT_LEAST
    assert found.coverage >= AT_LEAST
    assert found.before < 0.3, "the rule before was not as bad as it was"
