"""Whom `approve` asks, and what it makes of the answer; that a run waits is seen on a whole stack."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from retraining.operators.approve import ApproveOperator
from retraining_chain import SPEC

REASONS = ["Accuracy 0.9 is at least 0.7.", "The export is whole."]


def operator(*, allowed: bool = True, default: bool = False) -> ApproveOperator:
    return ApproveOperator(
        task_id="approve",
        spec=replace(SPEC, approval=default),
        version="projects/p/locations/l/models/flowers@7",
        allowed=allowed,
        reasons=REASONS,
    )


def answer(option: str, user: dict[str, str] | None) -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": datetime(2026, 1, 31, tzinfo=UTC),
        "responded_by_user": user,
    }


def test_approve_in_a_run_that_does_not_ask_for_it_goes_on_at_once() -> None:
    result = operator().execute({"params": {"approval": False}})  # type: ignore[typeddict-item]
    assert result == {"approval": {"approved": True, "sentence": ""}, "note": "no approval required"}


@pytest.mark.parametrize(("allowed", "params"), [(False, {}), (True, {"promote": False})])
def test_approve_of_a_version_that_will_not_be_promoted_asks_nobody(
    params: dict[str, bool], *, allowed: bool
) -> None:
    context: Any = {"params": {"approval": True, **params}}
    assert operator(allowed=allowed).execute(context)["note"].startswith("no approval required: ")


@pytest.mark.parametrize(
    ("option", "user", "sentence"),
    [
        ("Approve", {"id": "1", "name": "Ada"}, "Approved by Ada"),
        ("Decline", {"id": "1", "name": ""}, "Declined by 1"),
        ("Decline", None, "Declined by nobody"),
    ],
)
def test_approve_says_who_answered_what(option: str, user: dict[str, str] | None, sentence: str) -> None:
    result = operator().execute_complete({}, answer(option, user))  # type: ignore[typeddict-item]
    assert result == {
        "approval": {"approved": option == "Approve", "sentence": sentence},
        "note": sentence,
    }
