from __future__ import annotations

from collections.abc import Callable

import pytest

from dataset_contract import (
    ContractError,
    DataContract,
    DatasetSpec,
    GateSpec,
    TrainingSpec,
    image_features,
)

CONTRACT = DataContract(name="flowers", record_format="image", features=image_features(("daisy", "roses")))


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
        (
            lambda: DatasetSpec(
                contract=CONTRACT,
                source="",
                training=TrainingSpec(),
                gate=GateSpec(metric="accuracy", direction="higher", threshold=0.5),
            ),
            "source",
        ),
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
    gate = GateSpec(metric="accuracy", direction="higher", threshold=0.5)
    spec = DatasetSpec(contract=CONTRACT, source="photos", training=TrainingSpec(), gate=gate)
    assert spec.name == "flowers"
