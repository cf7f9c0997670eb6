"""`validate_export`, `create_model_version` and `smoke_predict` against the emulator's Vertex AI."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from google.api_core.exceptions import BadRequest, GoogleAPICallError

from contract import ServingSpec
from retraining.context import run_context


def test_create_version_carries_where_it_comes_from(chain: Any) -> None:
    job_dir = chain.trained()
    result = chain.create_version(job_dir, snapshot="0123456789abcdef")
    (version,) = chain.versions()
    assert result["name"] == version.name
    assert result["note"] == "made version 1 of flowers"
    assert version.artifact_uri.rstrip("/") == job_dir + "model"
    assert {
        "perennial_snapshot": "0123456789abcdef",
        "perennial_data_until": "20260131t000000z",
        "perennial_code": "0-1-0",
        "perennial_metric": "accuracy-0_9000",
    }.items() <= version.labels.items()


def test_create_version_that_is_repeated_finds_the_first(chain: Any) -> None:
    job_dir = chain.trained()
    first = chain.create_version(job_dir)
    second = chain.create_version(job_dir)
    assert second == {**first, "note": "found version 1 of flowers"}
    assert len(chain.versions()) == 1


def test_create_version_of_other_runs_moves_the_candidate_alias_on(chain: Any) -> None:
    chain.create_version(chain.trained())
    other = chain.other_run("manual__2")
    assert other.create_version(other.trained())["version"] == "2"
    first, second = chain.versions()
    assert "candidate" not in first.aliases
    assert "candidate" in second.aliases
    assert "default" in first.aliases


def test_create_version_whose_request_was_answered_to_nobody_makes_one(chain: Any) -> None:
    chain.proxy.lose_answer("models:upload")
    job_dir = chain.trained()
    assert chain.create_version(job_dir)["version"] == "1"
    assert [version.version for version in chain.versions()] == ["1"]
    assert "candidate" in chain.versions()[0].aliases


def test_create_version_goes_on_while_the_service_is_away_for_a_moment(chain: Any) -> None:
    chain.fault("aiplatform.ModelService.UploadModel", http_status=503, count=1)
    assert chain.create_version(chain.trained())["version"] == "1"
    assert len(chain.versions()) == 1


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
    (reason,) = result["reasons"]
    assert all(fact in reason for fact in ("0.8 ", "0.85 of version 3", "-0.0696", "-0.0304")), reason


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


@pytest.mark.parametrize(("dedicated", "megabytes"), [(False, 1.6), (True, 10.1)])
def test_validate_of_golden_requests_that_no_endpoint_takes_fails_before_a_server_starts(
    chain: Any, dedicated: bool, megabytes: float
) -> None:
    job_dir = chain.trained()
    instance = {"image_bytes": {"b64": "A" * int(megabytes * 1e6)}}
    request = {"instance": instance, "prediction": 1, "filename": "big.jpg"}
    chain.write(f"{job_dir}golden.jsonl", json.dumps(request) + "\n")
    run = chain.with_spec(serving=ServingSpec(dedicated_endpoint=dedicated))
    with pytest.raises(AirflowFailException, match=rf"big\.jpg.: expected .* received {megabytes:g}"):
        run.validate(job_dir)


def test_validate_of_an_evaluation_without_a_field_fails_at_once_and_names_it(chain: Any) -> None:
    job_dir = chain.trained()
    change(chain, job_dir, metrics="none")
    with pytest.raises(AirflowFailException, match=r"evaluation\.json\.metrics"):
        chain.validate(job_dir)


CANDIDATE = "flowers-candidate"


def version_that_serves(chain: Any, served: str = "as trained") -> tuple[str, str]:
    job_dir = chain.trained(served=served)
    return chain.create_version(job_dir)["name"], job_dir


def test_smoke_asks_every_golden_request_and_leaves_the_endpoint_empty(chain: Any) -> None:
    result = chain.smoke(*version_that_serves(chain))
    assert result == {"requests": 3, "note": "3 golden requests came back as they should"}
    assert chain.serving(CANDIDATE) == {}
    assert chain.serving("flowers") == {}


def test_smoke_that_is_repeated_comes_to_the_same(chain: Any) -> None:
    version, job_dir = version_that_serves(chain)
    assert chain.smoke(version, job_dir) == chain.smoke(version, job_dir)


def test_smoke_of_wrong_answers_names_them_and_leaves_the_endpoint_empty(chain: Any) -> None:
    with pytest.raises(AirflowException, match=r"predictions\[0\]\.probabilities\[0\]: expected 0\.25"):
        chain.smoke(*version_that_serves(chain, "wrongly"))
    assert chain.serving(CANDIDATE) == {}


def test_smoke_of_a_refusal_passes_it_on_and_leaves_the_endpoint_empty(chain: Any) -> None:
    with pytest.raises(BadRequest, match="expected a JPEG"):
        chain.smoke(*version_that_serves(chain, "error"))
    assert chain.serving(CANDIDATE) == {}


def test_smoke_of_a_server_that_does_not_start_says_why(chain: Any) -> None:
    with pytest.raises(GoogleAPICallError, match="can not be loaded"):
        chain.smoke(*version_that_serves(chain, "start"))
    assert chain.serving(CANDIDATE) == {}


def test_smoke_after_an_interruption_adopts_the_deployment_under_way(chain: Any) -> None:
    version, job_dir = version_that_serves(chain)
    chain.smoke(version, job_dir)
    chain.fault("slow_start", delay_seconds=0.5)
    chain.proxy.mend()
    chain.proxy.break_at_write(1)
    with pytest.raises(Exception, match=r"onnection|process is dead"):
        chain.smoke(version, job_dir)
    chain.proxy.mend()
    assert chain.smoke(version, job_dir)["requests"] == 3
    assert [write for write in chain.proxy.writes if write.endswith(":deployModel")] == []
    assert chain.serving(CANDIDATE) == {}


def test_smoke_that_is_killed_while_its_version_is_deployed_takes_it_off(chain: Any) -> None:
    version, job_dir = version_that_serves(chain)
    operator = chain.smoker(version, job_dir)
    chain.fault("slow_start", delay_seconds=60)
    timer = threading.Timer(1, operator.on_kill)
    timer.start()
    with pytest.raises(Exception, match="ancelled"):
        operator.execute(chain.context)
    timer.join()
    assert chain.serving(CANDIDATE) == {}


def test_smoke_of_a_version_that_the_gate_declined_deploys_it_nowhere(chain: Any) -> None:
    job_dir = chain.trained(accuracy=0.6)
    assert not chain.validate(job_dir)["promote"]
    version = chain.create_version(job_dir)["name"]
    result = chain.execute(chain.smoker(version, job_dir, allowed=False))
    assert result["requests"] == 0
    with run_context(chain.context) as context:
        assert context.endpoints.all() == {}


def test_smoke_of_a_wrong_answer_fails_for_good(chain: Any) -> None:
    job_dir = chain.trained(served="wrongly")
    version = chain.create_version(job_dir)["name"]
    with pytest.raises(AirflowFailException, match="does not answer as it did"):
        chain.smoke(version, job_dir)
    assert chain.serving("flowers-candidate") == {}
