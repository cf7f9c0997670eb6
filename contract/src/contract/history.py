"""History of a model's releases: one object in the bucket for each event, written once and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from contract.estimates import Estimate
from contract.validation import JsonFile

EventKind = Literal["promotion", "refusal", "withdrawal", "rollback", "hold", "release"]

MOVES: tuple[EventKind, ...] = ("promotion", "rollback", "release")
"""Events after which `to_version` is in production."""

PERSONAL: tuple[EventKind, ...] = ("rollback", "hold", "release")
"""Decisions of people."""


@dataclass(frozen=True, kw_only=True)
class HistoryEvent(JsonFile):
    """A decision on what production serves.

    `promotion`: a version came into production. `refusal`: the gate, the run or a person declined it.
    `withdrawal`: its rollout failed, and the traffic split before it was restored. `rollback`: a person put
    an earlier version back, which holds promotions. `hold`: a person holds promotions. `release`: a person
    ends the hold, and accepts what is in production.

    Attributes:
        kind: of the event.
        key: identity of the operation: a retry finds the event that it wrote.
        time: ISO 8601, UTC.
        who: the run, or the person.
        from_version: the version in production before; empty if there was none.
        to_version: the version in production after it or, of a refusal and a withdrawal, the declined one.
        reasons: sentences.
        run_id: Airflow's id of the run; empty outside of Airflow.
        from_fingerprint: training fingerprint of `from_version`.
        to_fingerprint: training fingerprint of `to_version`.
        gate: digest of the gate's conditions; empty for a person's decision.
        metric: name of the gate's metric.
        estimate: the metric of `to_version`; None if it isn't known.
        difference: its difference from `from_version`; None without a comparison.
        examples: number of records of the evaluation.
    """

    FILENAME: ClassVar[str] = "history/NNNNNN.json"

    kind: EventKind
    key: str
    time: str
    who: str
    from_version: str
    to_version: str
    reasons: tuple[str, ...]
    run_id: str = ""
    from_fingerprint: str = ""
    to_fingerprint: str = ""
    gate: str = ""
    metric: str = ""
    estimate: Estimate | None = None
    difference: Estimate | None = None
    examples: int = 0


def recorded_production(events: Sequence[HistoryEvent]) -> str | None:
    """Return the version that the history says is in production; None if it says nothing of it."""
    moves = [event for event in events if event.kind in MOVES]
    return moves[-1].to_version if moves else None


def active_hold(events: Sequence[HistoryEvent]) -> HistoryEvent | None:
    """Return the event that holds promotions, a hold or a rollback; None if none does."""
    last = [event for event in events if event.kind in PERSONAL][-1:]
    return last[0] if last and last[0].kind != "release" else None


def withdrawn_recipes(events: Sequence[HistoryEvent]) -> dict[str, HistoryEvent]:
    """Return the rollback that took each training fingerprint out of production, unless it is back."""
    withdrawn: dict[str, HistoryEvent] = {}
    for event in events:
        if event.kind == "rollback" and event.from_fingerprint:
            withdrawn[event.from_fingerprint] = event
        if event.kind in ("promotion", "rollback"):
            withdrawn.pop(event.to_fingerprint, None)
    return withdrawn


def promoted_versions(events: Sequence[HistoryEvent]) -> list[str]:
    """Return the versions that were in production, in the order in which they first were."""
    moves = [event.to_version for event in events if event.kind in MOVES]
    return list(dict.fromkeys(version for version in moves if version))


def previous_production(events: Sequence[HistoryEvent], version: str) -> str:
    """Return the version that was in production before a version came; empty if that isn't known."""
    for event in reversed(events):
        if event.kind == "promotion" and event.to_version == version and event.from_version != version:
            return event.from_version
    return ""
