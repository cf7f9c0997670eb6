"""Rollouts by steps against the emulator: who answers when, and the split that a failure restores."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

from contract import RolloutSpec
from retraining import rollout
from retraining.context import run_context

STEPS = RolloutSpec(steps=(10, 50, 100), wait_minutes=0.01)


def stepwise(chain: Any, **changes: Any) -> Any:
    return chain.with_spec(rollout=RolloutSpec(**{"steps": (10, 50, 100), "wait_minutes": 0.01, **changes}))


def made(chain: Any, **flags: Any) -> tuple[str, str]:
    job_dir = chain.trained(production_version="1", production_model="gs://b/m/", **flags)
    return chain.create_version(job_dir)["name"], job_dir


@contextmanager
def predictions(chain: Any, per_second: float) -> Iterator[list[tuple[float, float, str]]]:
    """Ask production all the while; gives begin, end and answering version, or error, of each."""
    stop, answers = threading.Event(), []

    def ask() -> None:
        with run_context(chain.context) as context:
            while not stop.is_set():
                begun = time.monotonic()
                try:
                    version = context.clients.predictions.predict(
                        endpoint=context.endpoints.name("flowers"),
                        instances=[{"image_bytes": {"b64": "AA=="}}],
                        retry=None,
                        timeout=10,
                    ).model_version_id
                except Exception as error:
                    version = f"{type(error).__name__}: {str(error)[:80]}"
                answers.append((begun, time.monotonic(), version))
                stop.wait(max(0.0, begun + 1 / per_second - time.monotonic()))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        stop.set()
        thread.join()


def test_rollout_by_steps_ends_with_all_traffic_and_one_event(chain: Any) -> None:
    chain.promoted("manual__0")
    run = stepwise(chain)
    assert run.promote(*made(run))["promoted"]
    assert chain.serving() == {"2": 100}
    assert [event.kind for event in chain.history()] == ["promotion", "promotion"]
    assert not chain.file(f"gs://{chain.bucket}/history/flowers/rollout.json").exists()


@pytest.mark.slow
def test_rollout_with_a_long_wait_gives_the_worker_back_and_goes_on_from_its_step(chain: Any) -> None:
    chain.promoted("manual__0")
    run = stepwise(chain, wait_minutes=60)
    version, job_dir = made(run)
    with pytest.raises(AirflowRescheduleException):
        run.promote(version, job_dir)
    assert chain.serving() == {"1": 90, "2": 10}
    with pytest.raises(AirflowRescheduleException):
        run.promote(version, job_dir)
    assert chain.serving() == {"1": 90, "2": 10}
    assert stepwise(chain, wait_minutes=0.001).promote(version, job_dir)["promoted"]
    assert chain.serving() == {"2": 100}


def test_rollout_of_another_run_waits_until_the_first_is_over(chain: Any) -> None:
    chain.promoted("manual__0")
    run = stepwise(chain, wait_minutes=60)
    with pytest.raises(AirflowRescheduleException):
        run.promote(*made(run))
    other = stepwise(chain).other_run("manual__2")
    with pytest.raises(AirflowRescheduleException):
        other.promote(*made(other))
    assert chain.serving() == {"1": 90, "2": 10}
    assert not other.promote(*made(other), allowed=False)["promoted"], "a refusal need not wait"


@pytest.mark.slow
def test_rollout_that_was_abandoned_is_taken_back_by_the_next_run(
    chain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.promoted("manual__0")
    run = stepwise(chain, wait_minutes=60)
    with pytest.raises(AirflowRescheduleException):
        run.promote(*made(run))
    monkeypatch.setattr(rollout, "STALE", timedelta(hours=-2))
    other = stepwise(chain).other_run("manual__2")
    assert other.promote(*made(other))["promoted"]
    assert chain.serving() == {"3": 100}


@pytest.mark.parametrize("served", ["wrongly", pytest.param("error", marks=pytest.mark.slow)])
def test_rollout_of_a_version_that_answers_wrongly_is_taken_back_at_the_first_step(
    chain: Any, served: str
) -> None:
    chain.promoted("manual__0")
    run = stepwise(chain)
    version, job_dir = made(run, served=served)
    with predictions(chain, 20) as answers, pytest.raises(AirflowFailException):
        run.promote(version, job_dir)
    assert chain.serving() == {"1": 100}
    told = Counter(version for *_, version in answers)
    assert told["1"] > 0.8 * sum(told.values()), told
    assert [event.kind for event in chain.history()] == ["promotion", "withdrawal"]


@pytest.mark.slow
def test_rollout_that_a_person_interferes_with_declines_and_leaves_their_split(chain: Any) -> None:
    chain.promoted("manual__0")
    run = stepwise(chain, wait_minutes=60)
    version, job_dir = made(run)
    with pytest.raises(AirflowRescheduleException):
        run.promote(version, job_dir)
    with run_context(chain.context) as context:
        ids = {found.version: found.id for found in context.endpoints.deployments("flowers")}
        context.endpoints.set_traffic("flowers", {ids["1"]: 70, ids["2"]: 30})
    result = stepwise(chain, wait_minutes=0.001).promote(version, job_dir)
    assert not result["promoted"]
    assert "was changed during the rollout" in result["reasons"][0]
    assert chain.serving() == {"1": 70, "2": 30}


@pytest.mark.slow
def test_hold_during_a_rollout_restores_the_split_before_it(chain: Any) -> None:
    chain.promoted("manual__0")
    run = stepwise(chain, wait_minutes=60)
    version, job_dir = made(run)
    with pytest.raises(AirflowRescheduleException):
        run.promote(version, job_dir)
    chain.decide("hold")
    with pytest.raises(AirflowFailException, match="Ada held promotions"):
        stepwise(chain, wait_minutes=0.001).promote(version, job_dir)
    assert chain.serving() == {"1": 100}
    assert [event.kind for event in chain.history()] == ["promotion", "hold", "refusal"]
    chain.decide("release")
    assert stepwise(chain, wait_minutes=0.001).promote(version, job_dir)["promoted"], "it had not failed"


@pytest.mark.slow
def test_rollback_during_a_rollout_ends_it_and_the_rollout_does_not_go_on(chain: Any) -> None:
    chain.promoted("manual__0")
    second = stepwise(chain).other_run("manual__2")
    assert second.promote(*made(second))["promoted"]
    third = stepwise(chain, wait_minutes=0.15).other_run("manual__3")
    job_dir = third.trained(production_version="2", production_model="gs://b/m/")
    name = third.create_version(job_dir)["name"]
    results: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: results.append(third.promote(name, job_dir)))
    thread.start()
    for _ in range(600):
        if chain.serving().get("3"):
            break
        time.sleep(0.05)
    chain.decide("rollback", "1")
    thread.join()
    assert [result["promoted"] for result in results] == [False]
    assert chain.serving() == {"1": 100}
    assert [event.kind for event in chain.history()][2] == "rollback"


@pytest.mark.slow
def test_last_try_that_fails_restores_the_split(chain: Any) -> None:
    chain.promoted("manual__0")
    run = stepwise(chain)
    version, job_dir = made(run)
    chain.fault("monitoring.timeSeries.list", http_status=403, count=1)
    with pytest.raises(Exception, match="403"):
        run.promote(version, job_dir)
    assert chain.serving() == {"1": 100}
    assert not chain.file(f"gs://{chain.bucket}/history/flowers/rollout.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 6))
def test_rollout_that_was_killed_at_any_write_is_repeated_to_the_same_end(chain: Any, number: int) -> None:
    chain.promoted("manual__0")
    run = stepwise(chain)
    version, job_dir = made(run)
    chain.proxy.mend()
    chain.proxy.break_at_write(number)
    with pytest.raises(Exception, match=r"onnection|process is dead"):
        run.promote(version, job_dir)
    assert len(chain.proxy.writes) == number
    chain.proxy.mend()
    assert sum(chain.serving().values()) == 100, "production goes without a version"
    assert run.promote(version, job_dir)["promoted"]
    assert chain.serving() == {"2": 100}
    assert [event.kind for event in chain.history()] == ["promotion", "promotion"]
    assert not chain.file(f"gs://{chain.bucket}/history/flowers/rollout.json").exists()


def come_and_go(chain: Any, rounds: int) -> None:
    """Promote and roll back under predictions; each answer is of a version that was entitled to it then."""
    first = chain.promoted("manual__0").rpartition("@")[2]
    entitled: list[tuple[float, set[str]]] = [(time.monotonic(), {first})]

    def entitle(*versions: str) -> None:
        entitled.append((time.monotonic(), set(versions)))

    with predictions(chain, 5) as answers:
        for number in range(rounds):
            run = stepwise(chain, wait_minutes=0.005).other_run(f"manual__{number + 1}")
            name, job_dir = made(run)
            version = name.rpartition("@")[2]
            entitle(first, version)
            assert run.promote(name, job_dir)["promoted"]
            entitle(version)
            time.sleep(0.5)
            entitle(first, version)
            chain.decide("rollback", first)
            entitle(first)
            time.sleep(0.5)
            chain.decide("release")
    wrong = []
    for begun, ended, version in answers:
        # What was allowed at the begin, and whatever came to be allowed until the end.
        allowed = [versions for since, versions in entitled if since <= ended]
        current = sum(since <= begun for since, _ in entitled) - 1
        if version not in set().union(*allowed[max(0, current) :]):
            wrong.append((version, allowed[-1]))
    assert not wrong
    assert len(answers) > 10 * rounds


@pytest.mark.slow
def test_predictions_never_fail_while_versions_come_and_go(chain: Any) -> None:
    come_and_go(chain, 2)


@pytest.mark.slow
def test_predictions_never_fail_through_ten_promotions_and_ten_rollbacks(chain: Any) -> None:
    come_and_go(chain, 10)
