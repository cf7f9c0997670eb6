"""`promote` against the emulator: which version answers users, whatever happens on the way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

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
def test_promote_of_a_version_that_answers_wrongly_gives_the_traffic_back(chain: Any, served: str) -> None:
    chain.promoted("manual__0")
    version, job_dir = made(chain, compared="1", served=served)
    for _ in range(2):
        with pytest.raises(AirflowException, match=r"flowers does not answer as it should: .*expected"):
            chain.promote(version, job_dir)
        assert chain.serving() == {"1": 100}
    assert aliases(chain)["1"] == {"default"}


def test_promote_of_a_first_version_that_answers_wrongly_leaves_the_endpoint_empty(chain: Any) -> None:
    with pytest.raises(AirflowException, match="does not answer as it should"):
        chain.promote(*made(chain, served="wrongly"))
    assert chain.serving() == {}


def test_promote_of_a_server_that_does_not_start_leaves_the_first_in_production(chain: Any) -> None:
    chain.promoted("manual__0")
    with pytest.raises(Exception, match="can not be loaded"):
        chain.promote(*made(chain, compared="1", served="start"))
    assert chain.serving() == {"1": 100}


@pytest.mark.parametrize("number", [1, 2, 3])
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


def test_promote_of_a_version_that_was_compared_with_another_declines_and_names_both(chain: Any) -> None:
    chain.promoted("manual__0")
    version, job_dir = made(chain)
    result = chain.promote(version, job_dir)
    since = "Version 1 has come into production since version 2 was trained"
    assert result["reasons"] == [f"{since}, which was compared with no other; run it again."]
    version, job_dir = made(chain.other_run("manual__2"), compared="7")
    (reason,) = chain.other_run("manual__2").promote(version, job_dir)["reasons"]
    assert "compared with version 7" in reason
    assert chain.serving() == {"1": 100}


def test_promote_of_newer_months_takes_over_whatever_it_was_compared_with(chain: Any) -> None:
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
