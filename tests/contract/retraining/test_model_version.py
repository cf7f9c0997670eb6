"""`create_model_version` against the emulator's Model Registry."""

from __future__ import annotations

from typing import Any


def test_create_version_carries_where_it_comes_from(chain: Any) -> None:
    job_dir = chain.trained()
    result = chain.create_version(job_dir)
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
