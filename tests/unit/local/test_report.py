import base64
import json
from pathlib import Path

from contract.artifacts import GoldenRequest
from local.paths import StackPaths
from local.report import Report, ServedPrediction
from local.results import EvaluationSummary
from local.sources import Source

RAW = Source(uri="/data", synthetic=True, description="made-up trips")


def report(**fields: object) -> Report:
    plain = {
        "dag_id": "taxifare_training",
        "run_id": "r",
        "state": "success",
        "promoted": False,
        "reasons": [],
    }
    return Report(**{**plain, "source": RAW, "seconds": 1.0, "tasks": {}, **fields})  # type: ignore[arg-type]


def test_report_as_json_has_the_metrics_at_its_top(tmp_path: Path) -> None:
    paths = StackPaths.at(tmp_path)
    evaluation = EvaluationSummary(
        metrics={"rmse": 3.5}, baseline={"rmse": 9.7}, labels=[], label_name="fare_amount"
    )
    report(evaluation=evaluation).write(paths)
    document = json.loads(paths.demo_report.read_text())
    assert (document["metrics"], document["baseline"], document["test"]) == (
        {"rmse": 3.5},
        {"rmse": 9.7},
        None,
    )
    assert document["source"]["synthetic"]


def test_report_of_a_run_that_trained_nothing_has_no_metrics(tmp_path: Path) -> None:
    paths = StackPaths.at(tmp_path)
    report(state="failed").write(paths)
    assert json.loads(paths.demo_report.read_text())["metrics"] is None
    assert not report(state="failed").succeeded


def test_report_that_did_not_promote_succeeded() -> None:
    assert report().succeeded
    assert not report(promoted=True).succeeded


def response(prediction: object) -> dict[str, object]:
    return {"predictions": [prediction], "model": "projects/p/models/m", "modelVersionId": "3"}


def test_prediction_of_a_row_names_the_label_and_saves_no_image(tmp_path: Path) -> None:
    (tmp_path / "demo-prediction.jpg").write_bytes(b"of the demo before")
    request = GoldenRequest(instance={"passengers": 2}, prediction=[9.25], label=8.5)
    prediction = ServedPrediction.of("taxifare", request, response([9.25]), [], StackPaths.at(tmp_path))
    assert prediction.lines("fare_amount") == [
        "endpoint taxifare, version 3, answers fare_amount 9.25: it is 8.5",
        '  {"passengers": 2}',
    ]
    assert prediction.image_file is None
    assert list(tmp_path.iterdir()) == []


def test_prediction_of_an_image_saves_it(tmp_path: Path) -> None:
    image = {"b64": base64.b64encode(b"\xff\xd8\xff").decode()}
    request = GoldenRequest(instance={"image_bytes": image}, prediction={}, label=1, filename="roses/7.jpg")
    answer = response({"classes": 1.0, "probabilities": [0.25, 0.75]})
    paths = StackPaths.at(tmp_path)
    prediction = ServedPrediction.of("flowers", request, answer, ["daisy", "roses"], paths)
    lines = prediction.lines("image/class/label")
    assert lines[:2] == ["endpoint flowers, version 3, answers roses (75%): right", "  roses/7.jpg"]
    assert (tmp_path / "demo-prediction.jpg").read_bytes() == b"\xff\xd8\xff"
