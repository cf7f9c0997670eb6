"""Requests of DAG files to the models of the trainer, before anything runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contract import (
    ContractError,
    CsvFormat,
    DataContract,
    DatasetSpec,
    FeatureSpec,
    GateSpec,
    Search,
    TrainingSpec,
    TuningSpec,
    category,
    class_label,
    idx_features,
    image_features,
    number,
    target,
    timestamp,
)
from retraining.tiers import load_tiers
from retraining.training_check import MODEL_REQUIREMENTS, check_batch_size, check_training

LOSS = GateSpec(metric="loss", direction="lower", threshold=1.0)
MSE = GateSpec(metric="mse", direction="lower", threshold=1.0)
RMSE = GateSpec(metric="rmse", direction="lower", threshold=1.0)
INCOME = class_label("income", ("low", "high"))
OWN = [{"module": "mine.train"}, {"image": "gcr.io/mine/trainer:1"}, {"image": "mine"}]


def table(
    label: FeatureSpec, gate: GateSpec, training: TrainingSpec | None = None, **arguments: Any
) -> DatasetSpec:
    features = (number("age"), category("town"), timestamp("born"), number("length, cm"), label)
    return DatasetSpec(
        contract=DataContract(name="people", record_format="csv", csv=CsvFormat(), features=features),
        source="people",
        training=training or TrainingSpec(arguments=arguments),
        gate=gate,
    )


def classes(*labels: str, metric: str = "accuracy", direction: Any = "higher", **changes: Any) -> DatasetSpec:
    of_gate = {name: changes.pop(name) for name in ("slices", "operating_point") if name in changes}
    threshold = changes.pop("threshold", 0.5)
    gate = GateSpec(metric=metric, direction=direction, threshold=threshold, **of_gate)
    return table(class_label("income", labels or ("low", "high")), gate, **{"model": "wide_deep", **changes})


def fares(metric: str = "rmse", direction: Any = "lower", **changes: Any) -> DatasetSpec:
    point = changes.pop("operating_point", None)
    gate = GateSpec(metric=metric, direction=direction, threshold=9.0, operating_point=point)
    return table(target("fare"), gate, **{"model": "regression", **changes})


def images(labels: tuple[str, ...] = ("daisy", "roses"), **changes: Any) -> DatasetSpec:
    contract = DataContract(name="flowers", record_format="image", features=image_features(labels))
    return DatasetSpec(
        contract=contract, source="flowers", training=TrainingSpec(arguments=changes), gate=LOSS
    )


def digits(model: str) -> DatasetSpec:
    contract = DataContract(name="digits", record_format="idx", features=idx_features())
    return DatasetSpec(
        contract=contract, source="digits", training=TrainingSpec(arguments={"model": model}), gate=MSE
    )


@pytest.mark.parametrize(
    "spec",
    [
        classes(),
        classes(metric="auc", slices=("town", "income"), operating_point=0.3),
        classes(metric="average_precision"),
        classes("a", "b", "c", metric="f1"),
        classes("a", "b", "c", metric="balanced_accuracy"),
        classes(metric="loss", direction="lower", threshold=9.0),
        classes(categorical_numbers='age,"length, cm"'),
        classes(crosses='age+"length, cm"'),
        classes(crosses="age+town"),
        fares(),
        fares("median_absolute_error"),
        fares("mae", hidden_units="8 4", huber_delta=1.0, train_epochs=2, num_epochs=0.5),
        images(model="resnet", image_size=64),
        digits("autoencoder"),
    ],
)
def test_training_that_a_model_can_do_is_accepted(spec: DatasetSpec) -> None:
    check_training(spec)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (classes(metric="f2"), "gate.metric"),
        (classes(metric="acuracy"), "gate.metric"),
        (classes(metric="rmse", direction="lower"), "gate.metric"),
        (classes("a", "b", "c", metric="auc"), "gate.metric"),
        (fares("accuracy", "higher"), "gate.metric"),
        (fares("bias"), "gate.metric"),
        (fares("rmse", "higher"), "gate.direction"),
        (classes(direction="lower"), "gate.direction"),
        (classes(threshold=65), "gate.threshold"),
        (classes(slices=("twon",)), "gate.slices"),
        (classes("a", "b", "c", operating_point=0.3), "gate.operating_point"),
        (fares("rmse", operating_point=0.3), "gate.operating_point"),
        (classes(train_stepps=5), "training.arguments[train_stepps]"),
        (classes(huber_delta=1.0), "training.arguments[huber_delta]"),
        (classes(train_steps=0), "training.arguments[train_steps]"),
        (classes(train_steps=10.0), "training.arguments[train_steps]"),
        (classes(train_steps="10"), "training.arguments[train_steps]"),
        (classes(optimizer="sgd"), "training.arguments[optimizer]"),
        (classes(job_dir="gs://b/x"), "training.arguments[job_dir]"),
        (classes(model="wide_and_deep"), "training.arguments[model]"),
        (classes(categorical_numbers="town"), "training.arguments[categorical_numbers]"),
        (classes(crosses="age+towm"), "training.arguments[crosses]"),
        (classes(crosses="age+born"), "training.arguments[crosses]"),
        (images(model="resnet", resnet_depth=19), "training.arguments[resnet_depth]"),
        (images(model="wide_deep"), "contract.record_format"),
        (digits("resnet"), "contract.record_format"),
        (table(target("fare"), LOSS, model="wide_deep"), "contract.features[fare]"),
        (
            table(class_label("income", ("low", "high")), RMSE, model="regression"),
            "contract.features[income]",
        ),
    ],
)
def test_training_that_no_model_can_do_names_the_field(spec: DatasetSpec, field: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_training(spec)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("search", "accepted"),
    [
        (Search(minimum=4, maximum=64), True),
        (Search(values=(8, 16)), True),
        (Search(minimum=0, maximum=64), False),
        (Search(values=(8, "many")), False),
    ],
)
def test_search_is_held_to_the_bounds_of_its_flag(search: Search, *, accepted: bool) -> None:
    tuning = TuningSpec(parameters={"embedding_size": search})
    spec = table(
        INCOME,
        LOSS,
        TrainingSpec(arguments={"model": "wide_deep", "embedding_size": 8}, tuning=tuning),
    )
    if accepted:
        check_training(spec)
        return
    with pytest.raises(ContractError, match=r"training\.tuning\.parameters\[embedding_size\]"):
        check_training(spec)


@pytest.mark.parametrize(
    "own", [{"module": "mine.train"}, {"image": "gcr.io/mine/trainer:1"}, {"image": "mine"}]
)
def test_program_of_the_users_own_takes_and_reports_what_it_likes(own: dict[str, str]) -> None:
    spec = classes(metric="f2")
    check_training(replace(spec, training=TrainingSpec(arguments={"anything": 1}, **own)))


def test_error_names_what_was_expected_and_received() -> None:
    with pytest.raises(ContractError, match=r"gate\.metric: expected one of \['rmse', .*received 'f1'"):
        check_training(fares("f1"))
    assert "f1" not in MODEL_REQUIREMENTS["regression"].metrics


@pytest.mark.parametrize(
    ("tier", "replicas"),
    [
        ("BASIC", 1),
        ("STANDARD_1", 5),
        ("PREMIUM_1", 20),
        ("BASIC_TPU", 4),
        ("L4_X4", 4),
        ("L4_TWO_WORKERS", 2),
    ],
)
def test_batch_that_the_devices_of_a_tier_can_not_share_is_refused_with_the_nearest(
    tier: str, replicas: int
) -> None:
    found = load_tiers()[tier]
    assert found.replicas == replicas
    training = classes().training
    check_batch_size(training, {"train_batch_size": 6 * replicas}, found)
    if replicas == 1:
        return
    with pytest.raises(ContractError, match=f"{6 * replicas} or {7 * replicas}, received {6 * replicas + 1}"):
        check_batch_size(training, {"train_batch_size": 6 * replicas + 1}, found)


def test_batch_of_the_default_size_is_held_to_the_tier_too() -> None:
    with pytest.raises(ContractError, match="255 or 260, received 256"):
        check_batch_size(fares().training, {}, load_tiers()["STANDARD_1"])
    own = TrainingSpec(module="mine.train", arguments={"train_batch_size": 7})
    check_batch_size(own, {}, load_tiers()["PREMIUM_1"])
