"""The way back against the emulator: an earlier version serves again, and promotions are held."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from contract import ServingSpec
from retraining import rollback
from retraining.context import run_context
from retraining.errors import ConfigurationError, RolloutFailedError


def two_versions(chain: Any, **flags: Any) -> None:
    """Version 2 has taken production from version 1."""
    first = chain.other_run("manual__A")
    job_dir = first.trained(**flags)
    first.promote(first.create_version(job_dir, snapshot="aa")["name"], job_dir)
    second = chain.other_run("manual__B", run_after=datetime(2026, 2, 5, tzinfo=UTC))
    job_dir = second.trained(production_version="1", production_model="gs://b/m/")
    assert second.promote(second.create_version(job_dir, snapshot="bb")["name"], job_dir)["promoted"]
    assert chain.serving() == {"2": 100}


def tried(chain: Any, run_id: str, snapshot: str = "cc", **fields: Any) -> dict[str, Any]:
    """What becomes of a later run's version."""
    run = chain.other_run(run_id, run_after=datetime(2026, 2, 9, tzinfo=UTC), **fields)
    job_dir = run.trained(production_version="1", production_model="gs://b/m/")
    result: dict[str, Any] = run.promote(run.create_version(job_dir, snapshot=snapshot)["name"], job_dir)
    return result


def test_roll_back_puts_the_version_before_into_production_and_holds_promotions(chain: Any) -> None:
    two_versions(chain)
    sentence = chain.decide("rollback")
    assert "version 1 answers at flowers" in sentence
    assert chain.serving() == {"1": 100}
    assert chain.serving("flowers-candidate") == {}
    assert {version.version: set(version.aliases) for version in chain.versions()}["1"] == {"default"}
    event = chain.history()[-1]
    assert (event.kind, event.from_version, event.to_version) == ("rollback", "2", "1")
    assert (event.who, event.reasons) == ("Ada", ("complaints",))


@pytest.mark.slow
def test_hold_declines_the_next_run_until_it_is_released(chain: Any) -> None:
    two_versions(chain)
    chain.decide("rollback")
    for run_id, run_type in (("scheduled__1", "scheduled"), ("manual__C", "manual")):
        result = tried(chain, run_id, run_type=run_type)
        assert not result["promoted"]
        assert "Ada rolled back" in result["reasons"][0]
        assert "complaints" in result["reasons"][0]
    chain.decide("release")
    assert tried(chain, "manual__D", snapshot="dd")["promoted"]


def test_hold_alone_stops_promotions_and_leaves_production(chain: Any) -> None:
    two_versions(chain)
    chain.decide("hold")
    assert "Ada held promotions" in tried(chain, "manual__C")["reasons"][0]
    assert chain.serving() == {"2": 100}
    overriding = chain.with_params(override=True)
    assert tried(overriding, "manual__C")["promoted"]


@pytest.mark.slow
def test_recipe_that_was_withdrawn_comes_back_only_if_a_person_asks_for_it(
    chain: Any, tmp_path: Path
) -> None:
    two_versions(chain)
    chain.decide("rollback")
    chain.decide("release")
    twin = tried(chain, "scheduled__1", snapshot="bb", run_type="scheduled")
    assert "Version 2 of the same training was withdrawn by Ada" in twin["reasons"][0]
    assert chain.serving() == {"1": 100}
    assert tried(chain, "manual__C", snapshot="bb")["promoted"]


@pytest.mark.slow
def test_schedule_does_not_train_a_withdrawn_recipe_again(chain: Any, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    snapshot = chain.upload(str(tmp_path))["snapshot"]
    chain.promoted("manual__0")
    second = chain.other_run("manual__B", run_after=datetime(2026, 2, 5, tzinfo=UTC))
    job_dir = second.trained(production_version="1", production_model="gs://b/m/")
    second.promote(second.create_version(job_dir, snapshot=snapshot)["name"], job_dir)
    chain.decide("rollback")
    tick = chain.other_run("scheduled__1", run_type="scheduled")
    with pytest.raises(AirflowSkipException, match="Version 2 of the same training was withdrawn by Ada"):
        tick.upload(str(tmp_path))


@pytest.mark.slow
def test_roll_back_twice_goes_to_a_named_version_and_forth(chain: Any) -> None:
    two_versions(chain)
    chain.decide("rollback", "1")
    chain.decide("rollback", "2")
    assert chain.serving() == {"2": 100}
    assert [event.to_version for event in chain.history()] == ["1", "2", "1", "2"]


@pytest.mark.parametrize(("to", "message"), [("9", "'9'"), ("2", "in production")])
def test_roll_back_to_a_version_that_is_none_or_serves_names_it(chain: Any, to: str, message: str) -> None:
    two_versions(chain)
    with pytest.raises(ConfigurationError, match=message):
        chain.decide("rollback", to)
    assert chain.serving() == {"2": 100}


def test_roll_back_without_an_earlier_version_says_so(chain: Any) -> None:
    chain.promoted("manual__0")
    with pytest.raises(ConfigurationError, match="received none"):
        chain.decide("rollback")


def test_roll_back_to_a_version_that_answers_wrongly_leaves_production(chain: Any) -> None:
    two_versions(chain)
    model = chain.file(chain.versions()[0].artifact_uri.rstrip("/") + "/saved_model.pb")
    model.write_text(model.read_text().replace("as trained", "wrongly"))
    with pytest.raises(RolloutFailedError, match="does not answer as it should"):
        chain.decide("rollback")
    assert chain.serving() == {"2": 100}
    assert chain.serving("flowers-candidate") == {}
    assert [event.kind for event in chain.history()] == ["promotion", "promotion"]


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=() if n == 5 else pytest.mark.slow) for n in range(1, 7)]
)
def test_roll_back_that_was_killed_at_any_write_is_repeated_to_the_same_end(chain: Any, number: int) -> None:
    two_versions(chain)
    chain.proxy.mend()
    chain.proxy.break_at_write(number)
    with pytest.raises(Exception, match=r"onnection|process is dead"):
        chain.decide("rollback", key="rollback once")
    assert len(chain.proxy.writes) == number
    chain.proxy.mend()
    assert sum(chain.serving().values()) == 100, "production goes without a version"
    chain.decide("rollback", key="rollback once")
    assert chain.serving() == {"1": 100}
    assert chain.serving("flowers-candidate") == {}
    assert [event.kind for event in chain.history()] == ["promotion", "promotion", "rollback"]
    assert not chain.file(f"gs://{chain.bucket}/history/flowers/rollout.json").exists()


@pytest.mark.slow
def test_version_that_is_kept_deployed_takes_the_traffic_back_without_a_new_deployment(chain: Any) -> None:
    keeping = chain.with_spec(serving=ServingSpec(keep_replaced_minutes=60))
    two = keeping
    first = two.other_run("manual__A")
    job_dir = first.trained()
    first.promote(first.create_version(job_dir, snapshot="aa")["name"], job_dir)
    second = two.other_run("manual__B", run_after=datetime(2026, 2, 5, tzinfo=UTC))
    job_dir = second.trained(production_version="1", production_model="gs://b/m/")
    second.promote(second.create_version(job_dir, snapshot="bb")["name"], job_dir)
    with run_context(chain.context) as context:
        before = {found.version: found.id for found in context.endpoints.deployments("flowers")}
    keeping.decide("rollback")
    with run_context(chain.context) as context:
        after = {found.version: found.id for found in context.endpoints.deployments("flowers")}
    assert chain.serving() == {"1": 100, "2": 0}
    assert before == after


def test_command_rolls_back_holds_and_releases(
    chain: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two_versions(chain)
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "flowers_training.py").write_text("from retraining_chain import SPEC\n")
    common = ["flowers", "--reason", "complaints", "--who", "Ada", "--dags", str(dags)]
    assert rollback.main(["rollback", *common]) == 0
    assert chain.serving() == {"1": 100}
    assert rollback.main(["release", *common]) == 0
    assert "version 1 answers at flowers" in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        rollback.main(["rollback", *common, "--to", "1"])
    assert caught.value.code == 2
    assert [event.kind for event in chain.history()][2:] == ["rollback", "release"]
