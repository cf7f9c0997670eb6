"""`validate_export`: the gate, with what a training job left in the bucket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException


def verdict(chain: Any, job_dir: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(chain.file(job_dir + "gate.json").read_text())
    return document


def change(chain: Any, job_dir: str, **fields: Any) -> None:
    path = chain.file(job_dir + "evaluation.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_validate_of_a_good_model_lets_it_be_promoted(chain: Any) -> None:
    job_dir = chain.trained()
    result = chain.validate(job_dir)
    assert result["promote"]
    assert result["metrics"] == {"accuracy": 0.9, "loss": 0.3}
    assert verdict(chain, job_dir)["promote"]
    assert all(check["passed"] for check in verdict(chain, job_dir)["checks"])


def test_validate_of_a_weak_model_is_a_good_run_that_does_not_promote(chain: Any) -> None:
    job_dir = chain.trained(accuracy=0.6)
    result = chain.validate(job_dir)
    assert not result["promote"]
    assert verdict(chain, job_dir)["reasons"] == result["reasons"]
    assert "0.6" in result["note"]
    assert "0.7" in result["note"]


def test_validate_of_a_model_worse_than_production_does_not_promote(chain: Any) -> None:
    job_dir = chain.trained(accuracy=0.8, production_version="3", production_model="gs://b/m/")
    result = chain.validate(job_dir)
    assert result["reasons"] == ["Accuracy 0.8 is worse than the 0.85 of version 3 in production."]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model/saved_model.pb", "model/saved_model.pb does not exist"),
        ("golden.jsonl", "golden.jsonl does not exist"),
        ("evaluation.json", "evaluation.json does not exist"),
    ],
)
def test_validate_of_an_incomplete_export_fails_at_once_and_names_what_is_missing(
    chain: Any, name: str, message: str
) -> None:
    job_dir = chain.trained()
    chain.file(job_dir + name).unlink()
    with pytest.raises(AirflowFailException, match=message):
        chain.validate(job_dir)


def test_validate_of_a_broken_export_fails_at_once_and_says_why(chain: Any) -> None:
    job_dir = chain.trained()
    export = json.loads(chain.file(job_dir + "evaluation.json").read_text())["export"]
    change(chain, job_dir, export={**export, "finite": False, "parity_max_abs_difference": 0.5})
    with pytest.raises(AirflowFailException, match=r"The export is broken\. .*NaN.* differs .* 0\.5"):
        chain.validate(job_dir)
    assert not verdict(chain, job_dir)["promote"]


def test_validate_of_an_evaluation_without_a_field_fails_at_once_and_names_it(chain: Any) -> None:
    job_dir = chain.trained()
    change(chain, job_dir, metrics="none")
    with pytest.raises(AirflowFailException, match=r"evaluation\.json\.metrics"):
        chain.validate(job_dir)
