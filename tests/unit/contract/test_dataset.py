from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from contract import (
    ContractError,
    DataContract,
    DatasetSpec,
    GateSpec,
    NewData,
    Search,
    TrainingSpec,
    TuningSpec,
    image_features,
)

CONTRACT = DataContract(name="flowers", record_format="image", features=image_features(("daisy", "roses")))

GATE = GateSpec(metric="accuracy", direction="higher", threshold=0.5)
RATE = {"rate": Search(minimum=0.001, maximum=0.1, scale="log")}


def photos(**changes: Any) -> DatasetSpec:
    fields = {"contract": CONTRACT, "source": "photos", "training": TrainingSpec(), "gate": GATE}
    return DatasetSpec(**{**fields, **changes})


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: TrainingSpec(timeout_seconds=0), "training.timeout_seconds"),
        (lambda: TrainingSpec(arguments={"--steps": 3}), "training.arguments"),
        (lambda: TrainingSpec(arguments={"steps": [3]}), "training.arguments[steps]"),  # type: ignore[dict-item]
        (lambda: GateSpec(metric="loss", direction="down", threshold=1), "gate.direction"),  # type: ignore[arg-type]
        (lambda: GateSpec(metric="loss", direction="lower", threshold=float("nan")), "gate.threshold"),
        (
            lambda: GateSpec(metric="loss", direction="lower", threshold=1, baseline_margin=float("inf")),
            "gate.baseline_margin",
        ),
        (
            lambda: GateSpec(metric="loss", direction="lower", threshold=1, max_model_bytes=0),
            "gate.max_model_bytes",
        ),
        (Search, "search"),
        (lambda: Search(values=(1,), minimum=1, maximum=2), "search"),
        (lambda: Search(minimum=1), "search"),
        (lambda: Search(minimum=2, maximum=1), "search"),
        (lambda: Search(minimum=0, maximum=1, scale="log"), "search.minimum"),
        (lambda: Search(values=(1,), scale="cubic"), "search.scale"),  # type: ignore[arg-type]
        (lambda: TuningSpec(parameters={}), "tuning.parameters"),
        (lambda: TuningSpec(parameters=RATE, max_trials=2, parallel_trials=3), "tuning.parallel_trials"),
        (lambda: TuningSpec(parameters=RATE, parallel_trials=0), "tuning.parallel_trials"),
        (lambda: TrainingSpec(tuning=TuningSpec(parameters=RATE)), "training.tuning.parameters"),
        (lambda: photos(source=""), "source"),
        (lambda: photos(deadline_minutes=0), "deadline_minutes"),
        (lambda: photos(max_active_runs=0), "max_active_runs"),
        (lambda: photos(window="P1M"), "window"),
        (lambda: photos(timezone="Berlin"), "timezone"),
        (lambda: photos(timezone="../etc/passwd"), "timezone"),
        (lambda: photos(timezone=None), "timezone"),
        (lambda: photos(max_data_delay="PT5H"), "max_data_delay"),
        (lambda: photos(max_data_delay=None), "max_data_delay"),
        (lambda: NewData(""), "schedule.asset"),
        (lambda: NewData("gs://bucket/landing"), "schedule.asset"),
    ],
)
def test_spec_with_a_wrong_value_names_the_field(make: Callable[[], object], field: str) -> None:
    with pytest.raises(ContractError) as caught:
        make()
    assert caught.value.field == field


def test_training_arguments_cannot_be_changed_afterwards() -> None:
    given = {"steps": 3}
    spec = TrainingSpec(arguments=given)
    given["steps"] = 4
    assert spec.arguments["steps"] == 3
    with pytest.raises(TypeError):
        spec.arguments["steps"] = 5  # type: ignore[index]


def test_dataset_spec_has_the_name_of_its_contract() -> None:
    assert photos().name == "flowers"


def test_tuning_spec_searches_arguments_of_the_training() -> None:
    given = dict(RATE)
    tuning = TuningSpec(parameters=given, max_trials=6, parallel_trials=3)
    given.clear()
    assert dict(tuning.parameters) == RATE
    assert TrainingSpec(arguments={"rate": 0.01}, tuning=tuning).tuning is tuning
