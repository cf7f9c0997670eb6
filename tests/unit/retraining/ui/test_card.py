"""Model card of a version."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from contract.artifacts import Baseline, Evaluation, ExportReport, GoldenRequest, Signature
from contract.estimates import (
    Calibration,
    CalibrationBin,
    ClassEvaluation,
    Estimate,
    SliceEvaluation,
)
from contract.naming import DATA_UNTIL_LABEL, SNAPSHOT_LABEL, SPLIT_LABEL, DatasetNames
from retraining.google.models import ModelVersion
from retraining.ui.card import lineage, variables
from retraining.ui.pages import page

VERSION = ModelVersion(
    model="projects/p/locations/r/models/flowers",
    version="2",
    artifact_uri="gs://b/runs/flowers/r/train/x/model",
    labels={SNAPSHOT_LABEL: "5a5a", DATA_UNTIL_LABEL: "20260131t000000z", SPLIT_LABEL: "hash-abc"},
    aliases=(),
)
ESTIMATE = Estimate(value=0.75, standard_error=0.05)
EVALUATION = Evaluation(
    examples=40,
    metrics={"accuracy": 0.75},
    standard_errors={"accuracy": 0.05},
    baseline=Baseline(metrics={"accuracy": 0.4}),
    production=None,
    export=ExportReport(signature=Signature(inputs={}, outputs={}), parity_max_abs_difference=0, finite=True),
    data_dir="gs://b/datasets/flowers/tfrecord/k/",
    slices=(
        SliceEvaluation(
            feature="town", value="Ulm", examples=9, metrics={"accuracy": ESTIMATE}, difference={}
        ),
    ),
    classes=(ClassEvaluation(label="daisy", examples=20, precision=0.5, recall=0.25, f1=0.3333),),
    calibration=Calibration(
        expected_error=0.125, bins=(CalibrationBin(examples=40, confidence=0.875, accuracy=0.75),)
    ),
)
GOLDEN = GoldenRequest(instance={"image_bytes": {"b64": "/9j/"}}, prediction=0, filename="daisy/1.jpg")


def services(bucket: Any) -> Any:
    names = DatasetNames(deployment="default", bucket="b", dataset="flowers")
    return SimpleNamespace(storage=bucket, names=lambda dataset: names)


def test_card_shows_data_split_intervals_slices_classes_calibration_and_lineage(bucket: Any) -> None:
    folder = "gs://b/runs/flowers/r/train/x/"
    bucket.put(folder, EVALUATION)
    bucket.put(folder, [GOLDEN])
    values = variables(services(bucket), "flowers", VERSION)
    shown = page("card.html", dag_id="flowers_training", run_id="manual__1", **values).body.decode()
    for fact in (
        "gs://b/datasets/flowers/raw/5a5a/daisy/1.jpg",
        "hash-abc",
        "0.652 to 0.848",
        "Ulm",
        "daisy",
        "0.3333",
        "0.125",
        "31 Jan 2026",
    ):
        assert fact in shown, fact


def test_card_of_a_version_whose_folder_is_gone_says_so(bucket: Any) -> None:
    bare = replace(VERSION, labels={})
    values = variables(services(bucket), "flowers", bare)
    shown = page("card.html", dag_id="flowers_training", run_id=None, **values).body.decode()
    assert "Its training job&#39;s folder is gone" in shown or "Its training job's folder is gone" in shown
    assert "Nothing was promoted or declined yet" in shown


def test_lineage_of_a_row_names_its_key_and_the_snapshot() -> None:
    row = GoldenRequest(instance={"age": 5}, prediction=0, filename="trip-17")
    assert lineage(row, "gs://b/raw/s/").uri == "gs://b/raw/s/"
    assert lineage(row, "gs://b/raw/s/").key == "trip-17"
    assert lineage(GOLDEN, "").uri == ""
