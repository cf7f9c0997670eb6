from __future__ import annotations

import json
from typing import Any

import pytest

from contract import ContractError
from contract.artifacts import (
    Baseline,
    DatasetInfo,
    Evaluation,
    ExportReport,
    GateCheck,
    GateResult,
    GoldenRequest,
    ProductionEvaluation,
    RejectedRecord,
    Signature,
    SplitEvaluation,
    SplitInfo,
    TrainingReport,
    shard_filename,
)

EVALUATION = Evaluation(
    dataset="flowers",
    data_dir="gs://b/datasets/flowers/tfrecord/k/",
    examples=20,
    labels=("daisy", "roses"),
    metrics={"accuracy": 0.75},
    baseline=Baseline(kind="most_frequent_class", metrics={"accuracy": 0.5}),
    production=ProductionEvaluation(version="3", model="gs://b/m/", metrics={"accuracy": 0.7}),
    test=SplitEvaluation(examples=5, metrics={"accuracy": 0.6}, baseline=Baseline(metrics={"accuracy": 0.4})),
    export=ExportReport(
        signature=Signature(inputs={"image_bytes": {}}, outputs={"classes": {}}),
        bytes=9,
        parity_max_abs_difference=1e-7,
        finite=True,
    ),
    training=TrainingReport(steps=3, parameters={"train_steps": 3}),
    confusion_matrix=((9, 1), (2, 8)),
)


def document(**changes: Any) -> dict[str, Any]:
    """The least that a trainer of one's own writes."""
    least = {
        "examples": 3,
        "metrics": {"accuracy": 1},
        "trivial_baseline": {"metrics": {"accuracy": 0.5}},
        "production": None,
        "export": {
            "signature": {"inputs": {"a": {}}, "outputs": {"b": {}}},
            "parity_max_abs_difference": 0,
            "finite": True,
        },
    }
    return least | changes


def test_evaluation_reads_what_it_wrote() -> None:
    assert Evaluation.from_text(EVALUATION.to_text()) == EVALUATION


def test_evaluation_of_another_trainer_may_hold_less_and_more() -> None:
    read = Evaluation.from_text(json.dumps(document(extra=1, production={"version": 3, "metrics": {}})))
    assert (read.metrics, read.baseline.metrics, read.test) == ({"accuracy": 1.0}, {"accuracy": 0.5}, None)
    assert read.production == ProductionEvaluation(version="3", metrics={})


@pytest.mark.parametrize("field", ["examples", "metrics", "trivial_baseline", "production", "export"])
def test_evaluation_without_a_field_names_it(field: str) -> None:
    value = document()
    del value[field]
    with pytest.raises(ContractError) as caught:
        Evaluation.from_text(json.dumps(value))
    assert caught.value.field == f"evaluation.json.{field}"


@pytest.mark.parametrize("value", ["high", True, None])
def test_evaluation_with_a_metric_that_is_no_number_names_it(value: object) -> None:
    with pytest.raises(ContractError) as caught:
        Evaluation.from_text(json.dumps(document(metrics={"accuracy": value})))
    assert caught.value.field == "evaluation.json.metrics.accuracy"


@pytest.mark.parametrize("version", [None, True, 1.5, []])
def test_evaluation_with_a_version_that_is_no_id_names_it(version: object) -> None:
    production = {"version": version, "metrics": {}}
    with pytest.raises(ContractError, match=r"production\.version: expected a valid string"):
        Evaluation.from_text(json.dumps(document(production=production)))


def test_golden_requests_read_what_they_wrote() -> None:
    requests = [
        GoldenRequest(
            instance={"image_bytes": {"b64": "AAE="}}, prediction={"c": 1}, label=1, filename="a.jpg"
        ),
        GoldenRequest(instance={"age": 3.5}, prediction=[0.25]),
    ]
    assert GoldenRequest.from_text("".join(item.to_line() for item in requests)) == requests
    assert [item.image for item in requests] == [b"\0\1", None]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "golden.jsonl"),
        ('{"instance": {}}\n', "golden.jsonl, line 1.prediction"),
        ("[]", "golden.jsonl, line 1"),
    ],
)
def test_golden_requests_of_another_text_name_the_line(text: str, field: str) -> None:
    with pytest.raises(ContractError) as caught:
        GoldenRequest.from_text(text)
    assert caught.value.field == field


def test_rejected_records_sort_by_place_and_read_what_they_wrote() -> None:
    records = sorted([RejectedRecord("b", "empty", "0 bytes"), RejectedRecord("a", "truncated", "\udcff?")])
    assert [record.uri for record in records] == ["a", "b"]
    assert RejectedRecord.from_text("".join(record.to_line() for record in records[1:])) == records[1:]
    assert RejectedRecord.from_text("") == []


def test_dataset_info_writes_whole_numbers_as_texts_and_reads_both() -> None:
    info = DatasetInfo(
        name="flowers",
        version="1.0.0",
        splits=(SplitInfo(name="train", shard_lengths=(3, 2**60), num_bytes=2**61),),
    )
    written = json.loads(info.to_text())
    assert written["splits"][0]["shardLengths"] == ["3", str(2**60)]
    assert written["fileFormat"] == "tfrecord"
    assert DatasetInfo.from_text(info.to_text()) == info
    written["splits"][0]["numBytes"] = 2**61
    assert DatasetInfo.from_text(json.dumps(written)) == info


def test_shard_filename_is_that_of_tensorflow_datasets() -> None:
    assert shard_filename("flowers", "train", 3, 12) == "flowers-train.tfrecord-00003-of-00012"


def check(name: str, *, passed: bool, blocking: bool = False) -> GateCheck:
    return GateCheck(name=name, passed=passed, blocking=blocking, expected="a", received="b", sentence=name)


def test_gate_result_has_the_reasons_of_its_decision() -> None:
    good, weak, broken = (
        check("a", passed=True),
        check("b", passed=False),
        check("c", passed=False, blocking=True),
    )
    assert (GateResult.of([good]).promote, GateResult.of([good]).reasons) == (True, ("a",))
    refused = GateResult.of([good, weak, broken])
    assert (refused.promote, refused.reasons, refused.blocking) == (False, ("b", "c"), ("c",))
    assert GateResult.from_text(refused.to_text()) == refused
