"""Decisions that stand: what people and the gate have decided is not undone by a run that nobody asked for.

A rollback or a hold stops promotions until somebody releases them. A traffic split that no run made is kept.
A recipe (training fingerprint) that was withdrawn, or refused beside the same production, is not trained
again by the schedule, and the twin of the version in production does not replace it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contract import DatasetSpec, GateSpec
from contract.history import HistoryEvent, active_hold, recorded_production, withdrawn_recipes
from contract.naming import FINGERPRINT_LABEL, digest
from contract.validation import to_json
from retraining.context import RunContext
from retraining.errors import UnchangedError
from retraining.google.deployments import Deployment
from retraining.google.endpoints import WHOLE
from retraining.google.models import ModelVersion
from retraining.history import History
from retraining.job_spec import training_fingerprint
from retraining.params import OVERRIDE, RECONVERT, RETRAIN, UNCHANGED


def gate_digest(gate: GateSpec) -> str:
    """Return a digest of the gate's conditions."""
    return digest(to_json(gate))


def standing_decision(dataset: str, events: Sequence[HistoryEvent], deployed: Sequence[Deployment]) -> str:
    """Return why nothing may be promoted: a hold, or a split that no run made; empty without a reason.

    Args:
        dataset: its name.
        events: history of its releases.
        deployed: deployments on its production endpoint.
    """
    hold = active_hold(events)
    if hold is not None:
        what = "rolled back" if hold.kind == "rollback" else "held promotions"
        return f"{hold.who} {what} on {_day(hold)} ({_why(hold)}); perennial release {dataset} ends the hold."
    taking = [found for found in deployed if found.traffic_percent]
    recorded = recorded_production(events)
    if not taking:
        return ""
    if len(taking) > 1 or taking[0].traffic_percent != WHOLE:
        split = ", ".join(f"version {one.version} {one.traffic_percent} %" for one in taking)
        return (
            f"The traffic split was not made by a run: {split}; perennial release {dataset} accepts it once "
            "one version has all traffic."
        )
    if recorded and recorded != taking[0].version:
        return (
            f"Version {taking[0].version} was put into production by hand, in place of version {recorded}; "
            f"perennial release {dataset} accepts it."
        )
    return ""


def objections(
    context: RunContext,
    spec: DatasetSpec,
    version: ModelVersion,
    production: ModelVersion | None,
    *,
    events: Sequence[HistoryEvent],
    deployed: Sequence[Deployment],
) -> list[str]:
    """Return the decisions against a promotion, in sentences; none if the run was told to override them.

    Args:
        context: the task's surroundings.
        spec: the dataset.
        version: to promote.
        production: the version in production; None if there is none.
        events: history of releases.
        deployed: deployments on the production endpoint.
    """
    if context.params.get(OVERRIDE, False):
        return []
    standing = standing_decision(spec.name, events, deployed)
    if standing:
        return [standing]
    if production is not None and production.name == version.name:
        return []
    return _of_version(version, events) or _of_recipe(context, version, production, events)


def _of_version(version: ModelVersion, events: Sequence[HistoryEvent]) -> list[str]:
    """Return the failure of this very version in production."""
    failures = [one for one in events if one.kind == "withdrawal" and one.to_version == version.version]
    if not failures:
        return []
    last = failures[-1]
    return [f"Version {version.version} failed in production on {_day(last)}: {_why(last)}"]


def _of_recipe(
    context: RunContext,
    version: ModelVersion,
    production: ModelVersion | None,
    events: Sequence[HistoryEvent],
) -> list[str]:
    """Return what was decided on other versions of the same training."""
    fingerprint = version.labels.get(FINGERPRINT_LABEL, "")
    if not fingerprint:
        return []
    is_twin = production is not None and production.labels.get(FINGERPRINT_LABEL) == fingerprint
    if production is not None and is_twin and not _asks_for_training(context.params):
        same = "was trained on the same data with the same program and arguments: nothing would change."
        return [f"Version {production.version} in production {same}"]
    withdrawn = withdrawn_recipes(events).get(fingerprint)
    if withdrawn is not None and (context.run.is_automatic or not _released_since(events, withdrawn)):
        return [_withdrawn(withdrawn)]
    return []


def skip_if_decided(context: RunContext, spec: DatasetSpec, snapshot: str) -> None:
    """Skip a run whose training is known: its model is in production, was refused or was withdrawn.

    A run that a person requested, by hand or by a backfill, goes on unless its parameters say otherwise.

    Args:
        context: the task's surroundings.
        spec: the dataset.
        snapshot: the id of the run's raw data.

    Raises:
        UnchangedError: nothing new would come of the run; the message is the evidence.
    """
    choice = context.params.get(UNCHANGED, "auto")
    anew = any(context.params.get(name, False) for name in (RECONVERT, RETRAIN, OVERRIDE))
    automatic = context.run.is_automatic and not anew
    if not (automatic if choice == "auto" else choice == "skip"):
        return
    production = context.production_version(spec.name)
    ours = training_fingerprint(spec, snapshot=snapshot, params=context.params, settings=context.settings)
    if production is not None and production.labels.get(FINGERPRINT_LABEL) == ours:
        raise UnchangedError(
            f"nothing new: version {production.version} in production was trained on snapshot {snapshot} "
            f"with the same contract, program and arguments (fingerprint {ours})"
        )
    events = History(context.storage, context.names(spec.name)).events()
    withdrawn = withdrawn_recipes(events).get(ours)
    if withdrawn is not None:
        raise UnchangedError(f"nothing new (fingerprint {ours}): {_withdrawn(withdrawn)}")
    served = production.version if production else ""
    refusal = _refusal(events, ours, served, gate_digest(spec.gate))
    if refusal is not None:
        raise UnchangedError(
            f"nothing new (fingerprint {ours}): version {refusal.to_version} of this training was refused on "
            f"{_day(refusal)}: {_why(refusal)}"
        )


def _asks_for_training(params: Mapping[str, object]) -> bool:
    return params.get(UNCHANGED) == "train" or any(params.get(name, False) for name in (RECONVERT, RETRAIN))


def _day(event: HistoryEvent) -> str:
    return event.time[:16].replace("T", " ")


def _why(event: HistoryEvent) -> str:
    return " ".join(event.reasons)


def _withdrawn(event: HistoryEvent) -> str:
    return (
        f"Version {event.from_version} of the same training was withdrawn by {event.who} on "
        f"{_day(event)} ({_why(event)})."
    )


def _released_since(events: Sequence[HistoryEvent], event: HistoryEvent) -> bool:
    return any(later.kind == "release" for later in events[list(events).index(event) + 1 :])


def _refusal(events: Sequence[HistoryEvent], fingerprint: str, served: str, gate: str) -> HistoryEvent | None:
    """Return the refusal of a training by the same gate beside the same production; None if there is none."""
    found = [
        event
        for event in events
        if event.kind in ("refusal", "withdrawal")
        and event.to_fingerprint == fingerprint
        and event.gate == gate
        and event.from_version == served
    ]
    return found[-1] if found else None
