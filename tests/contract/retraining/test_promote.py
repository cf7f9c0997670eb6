"""`promote` against the emulator: which version answers users, whatever happens on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from contract import ServingSpec
from retraining.context import run_context
from retraining.operators.promote import PromoteOperator

NEWER = datetime(2026, 2, 28, tzinfo=UTC)


def made(chain: Any, compared: str | None = None, **flags: Any) -> tuple[str, str]:
    """A version of this run, compared with one in production, and its training run's folder."""
    if compared:
        flags |= {"production_version": compared, "production_model": "gs://b/m/"}
    job_dir = chain.trained(**flags)
    return chain.create_version(job_dir)["name"], job_dir


def aliases(chain: Any) -> dict[str, set[str]]:
    return {version.version: set(version.aliases) for version in chain.versions()}


def test_promote_of_a_first_version_gives_it_all_traffic(chain: Any) -> None:
    result = chain.promote(*made(chain))
    assert result == {
        "promoted": True,
        "endpoint": "flowers",
        "reasons": ["Accuracy 0.9 is at least 0.7."],
        "note": "version 1 answers at flowers",
    }
    assert chain.serving() == {"1": 100}
    assert aliases(chain) == {"1": {"default"}}


def test_promote_of_a_second_version_takes_over_and_takes_the_first_off(chain: Any) -> None:
    chain.promoted("manual__0")
    chain.promote(*made(chain, compared="1"))
    assert chain.serving() == {"2": 100}
    assert aliases(chain) == {"1": set(), "2": {"default"}}


def test_promote_that_is_repeated_changes_nothing(chain: Any) -> None:
    version, job_dir = made(chain)
    first = chain.promote(version, job_dir)
    assert chain.promote(version, job_dir) == first
    assert chain.serving() == {"1": 100}


def test_promote_against_the_gate_declines_with_its_reasons(chain: Any) -> None:
    version, job_dir = made(chain)
    result = chain.promote(version, job_dir, allowed=False)
    assert result == {
        "promoted": False,
        "endpoint": "flowers",
        "reasons": ["Accuracy 0.6 is below 0.7."],
        "note": "not promoted: Accuracy 0.6 is below 0.7.",
    }
    assert chain.serving() == {}
    assert "candidate" in aliases(chain)["1"]


def test_promote_in_a_run_that_only_evaluates_declines(chain: Any) -> None:
    result = chain.with_params(promote=False).promote(*made(chain))
    assert result["reasons"] == ["The run only evaluates: promotion is off in its parameters."]
    assert chain.serving() == {}


def test_promote_of_an_approved_version_says_who_approved(chain: Any) -> None:
    approval = {"approved": True, "sentence": "Approved by Ada"}
    result = chain.promote(*made(chain), approval=approval)
    assert result["note"] == "version 1 answers at flowers; Approved by Ada"
    assert result["reasons"] == ["Accuracy 0.9 is at least 0.7.", "Approved by Ada."]


def test_promote_of_a_version_that_a_person_declined_leaves_it_a_candidate(chain: Any) -> None:
    approval = {"approved": False, "sentence": "Declined by Ada"}
    result = chain.promote(*made(chain), approval=approval)
    assert (result["promoted"], result["note"]) == (False, "not promoted: Declined by Ada.")
    assert chain.serving() == {}
    assert "candidate" in aliases(chain)["1"]


def test_promote_where_nobody_was_asked_says_nothing_of_it(chain: Any) -> None:
    result = chain.promote(*made(chain), approval={"approved": True, "sentence": ""})
    assert (result["promoted"], result["note"]) == (True, "version 1 answers at flowers")


def test_promote_of_older_data_than_production_declines(chain: Any) -> None:
    chain.promoted("manual__0", run_after=NEWER)
    result = chain.promote(*made(chain, compared="1"))
    assert result["reasons"] == [
        "Version 1 in production was trained on data until 20260228t000000z, this one until 20260131t000000z."
    ]
    assert chain.serving() == {"1": 100}


@pytest.mark.parametrize("served", ["wrongly", "error"])
def test_promote_of_a_version_that_answers_wrongly_restores_the_split_and_fails_for_good(
    chain: Any, served: str
) -> None:
    chain.promoted("manual__0")
    version, job_dir = made(chain, compared="1", served=served)
    with pytest.raises(AirflowFailException, match=r"flowers does not answer as it should: .*expected"):
        chain.promote(version, job_dir)
    assert chain.serving() == {"1": 100}
    assert aliases(chain)["1"] == {"default"}
    assert [event.kind for event in chain.history()] == ["promotion", "withdrawal"]
    again = chain.promote(version, job_dir)
    assert not again["promoted"]
    assert "Version 2 failed in production" in again["reasons"][0]


def test_promote_of_a_first_version_that_answers_wrongly_leaves_the_endpoint_empty(chain: Any) -> None:
    with pytest.raises(AirflowException, match="does not answer as it should"):
        chain.promote(*made(chain, served="wrongly"))
    assert chain.serving() == {}


def test_promote_of_a_server_that_does_not_start_leaves_the_first_in_production(chain: Any) -> None:
    chain.promoted("manual__0")
    with pytest.raises(Exception, match="can not be loaded"):
        chain.promote(*made(chain, compared="1", served="start"))
    assert chain.serving() == {"1": 100}


@pytest.mark.parametrize("number", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3))])
def test_promote_that_ended_at_any_write_is_repeated_to_the_same_end(chain: Any, number: int) -> None:
    chain.promoted("manual__0")
    version, job_dir = made(chain, compared="1")
    chain.proxy.mend()
    chain.proxy.break_at_write(number)
    with pytest.raises(Exception, match=r"onnection|process is dead"):
        chain.promote(version, job_dir)
    assert len(chain.proxy.writes) == number
    chain.proxy.mend()
    assert sum(chain.serving().values()) == 100, "production goes without a version"
    chain.promote(version, job_dir)
    assert chain.serving() == {"2": 100}
    assert aliases(chain) == {"1": set(), "2": {"default"}}


def test_promote_of_a_first_version_that_ended_at_the_endpoints_making_is_repeated(chain: Any) -> None:
    version, job_dir = made(chain)
    chain.proxy.mend()
    chain.proxy.break_at_write(1)
    with pytest.raises(Exception, match=r"onnection|process is dead"):
        chain.promote(version, job_dir)
    assert chain.proxy.writes[0].endswith("/endpoints")
    chain.proxy.mend()
    assert chain.promote(version, job_dir)["promoted"]
    assert chain.serving() == {"1": 100}


def test_promote_of_a_version_that_was_compared_with_another_scores_both_anew(chain: Any) -> None:
    chain.promoted("manual__0")
    version, job_dir = made(chain)
    result = chain.promote(version, job_dir)
    assert result["promoted"]
    assert any("0.85 of version 1 in production" in reason for reason in result["reasons"])
    (job,) = chain.jobs()
    assert job.display_name.startswith("flowers-score-")
    assert f"--model_dir={job_dir}model/" in job.job_spec.worker_pool_specs[0].container_spec.args
    assert chain.promote(version, job_dir)["promoted"]
    assert len(chain.jobs()) == 1


def test_promote_of_a_version_that_the_new_comparison_finds_worse_declines(chain: Any) -> None:
    chain.promoted("manual__0")
    worse = chain.with_spec(gate=replace(chain.spec.gate, slices=("image/class/label",)))
    version, job_dir = made(chain, compared="7")
    result = worse.promote(version, job_dir)
    assert not result["promoted"]
    assert any("no slice by image/class/label" in reason for reason in result["reasons"])
    assert chain.serving() == {"1": 100}
    assert chain.history()[-1].gate


def test_promote_of_newer_months_is_compared_with_what_serves_and_takes_over(chain: Any) -> None:
    months = chain.with_spec(partition="trips_%Y-%m.csv")
    made_of = {}
    for month in ("2018-03", "2018-01", "2018-02"):
        run = months.other_run(f"backfill__{month}")
        job_dir = run.trained()
        made_of[month] = run, run.create_version(job_dir, f"{month}-01T00:00:00+00:00")["name"], job_dir
    promoted = {}
    for month in ("2018-01", "2018-03", "2018-02"):
        run, version, job_dir = made_of[month]
        promoted[month] = run.promote(version, job_dir)["promoted"]
    assert promoted == {"2018-01": True, "2018-03": True, "2018-02": False}
    assert chain.serving() == {"1": 100}
    assert len(chain.jobs()) == 1, "2018-03 is compared with 2018-01, although its data is newer"


def by_hand(chain: Any, version: str, split: dict[str, int]) -> None:
    """A person deploys a version with a split; `0` is the new one, other keys are versions."""
    with run_context(chain.context) as context:
        endpoints = context.endpoints
        ids = {found.version: found.id for found in endpoints.deployments("flowers")}
        context.clients.endpoints.deploy_model(
            request={
                "endpoint": endpoints.name("flowers"),
                "deployed_model": {
                    "model": version,
                    "dedicated_resources": {
                        "machine_spec": {"machine_type": "n1-standard-2"},
                        "min_replica_count": 1,
                    },
                },
                "traffic_split": {ids.get(key, key): share for key, share in split.items()},
            }
        ).result(timeout=60)


@pytest.mark.slow
def test_promote_beside_a_version_that_a_person_put_back_declines_and_names_it(chain: Any) -> None:
    first = chain.promoted("manual__0")
    second = chain.other_run("manual__1")
    second.promote(*made(second, compared="1"))
    by_hand(chain, first, {"0": 100})
    result = chain.other_run("manual__2").promote(*made(chain.other_run("manual__2"), compared="1"))
    assert not result["promoted"]
    assert "Version 1 was put into production by hand, in place of version 2" in result["reasons"][0]
    assert chain.serving() == {"1": 100, "2": 0}
    chain.decide("release")
    third = chain.other_run("manual__3")
    assert third.promote(*made(third, compared="1"))["promoted"]


@pytest.mark.slow
def test_promote_beside_a_canary_of_a_persons_declines_and_leaves_the_split(chain: Any) -> None:
    chain.promoted("manual__0")
    canary = made(chain.other_run("manual__1"))[0]
    by_hand(chain, canary, {"0": 10, "1": 90})
    version, job_dir = made(chain, compared="1")
    result = chain.promote(version, job_dir)
    assert not result["promoted"]
    assert "version 1 90 %, version 2 10 %" in result["reasons"][0]
    assert chain.serving() == {"1": 90, "2": 10}


@pytest.mark.slow
def test_promote_with_override_that_fails_restores_the_canary_exactly(chain: Any) -> None:
    chain.promoted("manual__0")
    canary = made(chain.other_run("manual__1"))[0]
    by_hand(chain, canary, {"0": 10, "1": 90})
    wrong = chain.with_params(override=True)
    with pytest.raises(AirflowFailException):
        wrong.promote(*made(wrong, compared="1", served="wrongly"))
    assert chain.serving() == {"1": 90, "2": 10}


@pytest.mark.slow
def test_promote_that_a_person_approved_beside_a_canary_takes_over(chain: Any) -> None:
    chain.promoted("manual__0")
    canary = made(chain.other_run("manual__1"))[0]
    by_hand(chain, canary, {"0": 10, "1": 90})
    approval = {"approved": True, "sentence": "Approved by Ada"}
    assert chain.promote(*made(chain, compared="1"), approval=approval)["promoted"]
    assert chain.serving() == {"3": 100}


@pytest.mark.slow
def test_promote_of_a_twin_of_production_changes_nothing_unless_it_is_asked_for(chain: Any) -> None:
    first = chain.other_run("manual__0")
    job_dir = first.trained()
    assert first.promote(first.create_version(job_dir, snapshot="ab")["name"], job_dir)["promoted"]
    job_dir = chain.trained(production_version="1", production_model="gs://b/m/")
    version = chain.create_version(job_dir, snapshot="ab")["name"]
    result = chain.promote(version, job_dir)
    assert not result["promoted"]
    assert "nothing would change" in result["reasons"][0]
    assert chain.with_params(override=True).promote(version, job_dir)["promoted"]


@pytest.mark.slow
def test_promote_that_can_not_take_the_old_version_off_says_so_and_has_promoted(chain: Any) -> None:
    chain.promoted("manual__0")
    chain.fault("aiplatform.EndpointService.UndeployModel", http_status=403, count=1)
    result = chain.promote(*made(chain, compared="1"))
    assert result["promoted"]
    assert "version 1 is still deployed" in result["note"]
    assert chain.serving() == {"1": 0, "2": 100}


def test_promote_keeps_the_replaced_version_where_the_spec_says_so(chain: Any) -> None:
    chain.promoted("manual__0")
    keeping = chain.with_spec(serving=ServingSpec(keep_replaced_minutes=60))
    keeping.promote(*made(keeping, compared="1"))
    assert chain.serving() == {"1": 0, "2": 100}


def test_history_has_one_event_for_each_decision(chain: Any) -> None:
    chain.promoted("manual__0")
    version, job_dir = made(chain, compared="1")
    for _ in range(2):
        chain.promote(version, job_dir, allowed=False)
    for _ in range(2):
        chain.promote(version, job_dir)
    found = [(event.kind, event.from_version, event.to_version) for event in chain.history()]
    assert found == [("promotion", "", "1"), ("refusal", "1", "2"), ("promotion", "1", "2")]
    event = chain.history()[-1]
    assert event.estimate is not None
    assert (event.metric, event.estimate.value, event.examples) == ("accuracy", 0.9, 40)
    assert event.difference is not None
    assert event.who == "run manual__1"


def test_recipe_that_the_gate_refused_is_not_trained_again_by_the_schedule(
    chain: Any, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    chain.promoted("manual__0")
    snapshot = chain.upload(str(tmp_path))["snapshot"]
    job_dir = chain.trained(accuracy=0.6, production_version="1", production_model="gs://b/m/")
    version = chain.create_version(job_dir, snapshot=snapshot)["name"]
    chain.promote(version, job_dir, allowed=False)
    tick = chain.other_run("scheduled__1", run_type="scheduled")
    with pytest.raises(AirflowSkipException, match="version 2 of this training was refused"):
        tick.upload(str(tmp_path))
    eased = tick.with_spec(gate=replace(chain.spec.gate, threshold=0.5))
    assert eased.upload(str(tmp_path))["snapshot"] == snapshot
    chain.promoted("manual__2", run_after=NEWER)
    assert tick.upload(str(tmp_path))["snapshot"] == snapshot, "beside another production it may pass"


class Outlets(dict[Any, Any]):
    """Airflow's accessor of a task's outlets: remembers what was added to each."""

    def __missing__(self, alias: Any) -> Any:
        self[alias] = added = SimpleNamespace(events=[])
        added.add = lambda asset, extra: added.events.append((asset.name, extra))
        return added


def test_promote_announces_a_promotion_to_other_dags_and_nothing_else(chain: Any) -> None:
    version, job_dir = made(chain)
    operator = PromoteOperator(
        task_id="promote", spec=chain.spec, version=version, job_dir=job_dir, allowed=False, reasons=["no"]
    )
    outlets = Outlets()
    operator.execute({**chain.context, "outlet_events": outlets})  # type: ignore[typeddict-item]
    assert not outlets
    operator.allowed = True
    operator.execute({**chain.context, "outlet_events": outlets})  # type: ignore[typeddict-item]
    (added,) = outlets.values()
    assert added.events == [("flowers_model", {"version": version, "endpoint": "flowers"})]
