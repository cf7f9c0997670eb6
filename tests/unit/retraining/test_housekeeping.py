"""The policy of retention, and the versions that a way back leads to."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from contract import ContractError
from contract.history import HistoryEvent
from retraining.housekeeping import RetentionPolicy, way_back

COUNTS = ["keep_versions", "keep_promoted"]
AGES = ["max_age_days", "data_days", "temporary_days", "waiting_days", "candidate_hours"]


def test_policy_only_lists_unless_it_says_otherwise() -> None:
    assert RetentionPolicy().dry_run


@pytest.mark.parametrize("field", [*COUNTS, *AGES])
@pytest.mark.parametrize("value", [0, -1, 1.5, "5", None, True])
def test_policy_with_a_value_that_is_no_number_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(ContractError, match=rf"policy\.{field}: expected a whole number, 1 .*{value!r}"):
        RetentionPolicy(**{field: value})


@pytest.mark.parametrize("field", AGES)
def test_policy_with_an_age_before_all_dates_is_refused(field: str) -> None:
    with pytest.raises(ContractError, match=rf"policy\.{field}: expected .* 1 to 36500, received 36501"):
        RetentionPolicy(**{field: 36501})
    RetentionPolicy(**{field: 36500})


def test_policy_with_a_dry_run_that_is_neither_names_the_field() -> None:
    with pytest.raises(ContractError, match=r"policy\.dry_run: expected True or False, received 'no'"):
        RetentionPolicy(dry_run="no")  # type: ignore[arg-type]


def moved(
    before: str, after: str, kind: Literal["promotion", "rollback", "release", "refusal"] = "promotion"
) -> HistoryEvent:
    return HistoryEvent(
        kind=kind,
        key=f"{before} {after}",
        time="2026-01-01T00:00:00+00:00",
        who="run",
        from_version=before,
        to_version=after,
        reasons=(),
    )


def test_way_back_leads_to_the_versions_that_were_last_in_production() -> None:
    events = [moved("", "1"), moved("1", "2"), moved("2", "3"), moved("3", "4", "refusal"), moved("3", "5")]
    assert way_back(events, 2, serving=["5"]) == {"5", "3"}
    assert way_back(events, 3, serving=["5"]) == {"5", "3", "2"}


def test_way_back_leads_to_a_version_that_was_first_promoted_long_ago() -> None:
    events = [moved("", "1"), moved("1", "2"), moved("2", "3"), moved("3", "1", "rollback"), moved("1", "4")]
    assert way_back(events, 2, serving=["4"]) == {"4", "1"}


def test_way_back_leads_to_the_predecessor_of_what_serves_however_few_are_kept() -> None:
    events = [moved("", "1"), moved("1", "2"), moved("2", "3"), moved("3", "2", "rollback")]
    assert way_back(events, 1, serving=["2"]) == {"2", "1"}
    assert way_back(events, 1, serving=["3"]) == {"2", "1"}


def test_way_back_without_a_history_leads_nowhere() -> None:
    assert way_back([], 10, serving=["1"]) == set()
