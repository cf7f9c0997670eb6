import json
from pathlib import Path

from local.demo.report import Report
from local.evaluation import Evaluation
from local.home import Home
from local.source import Source

RAW = Source(uri="/data", made=True, description="made-up trips")


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
    home = Home.at(tmp_path)
    evaluation = Evaluation(
        metrics={"rmse": 3.5}, baseline={"rmse": 9.7}, labels=[], label_name="fare_amount"
    )
    report(evaluation=evaluation).write(home)
    document = json.loads(home.demo_report.read_text())
    assert (document["metrics"], document["baseline"], document["test"]) == (
        {"rmse": 3.5},
        {"rmse": 9.7},
        None,
    )
    assert document["source"]["made"]


def test_report_of_a_run_that_trained_nothing_has_no_metrics(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    report(state="failed").write(home)
    assert json.loads(home.demo_report.read_text())["metrics"] is None
    assert not report(state="failed").good


def test_report_that_did_not_promote_is_good() -> None:
    assert report().good
    assert not report(promoted=True).good
