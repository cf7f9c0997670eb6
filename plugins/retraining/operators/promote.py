"""`promote`: a version goes into production step by step, or not, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Asset, AssetAlias
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowRescheduleException

from contract import naming
from contract.artifacts import Evaluation
from contract.history import PERSONAL, EventKind, HistoryEvent
from retraining import lineage
from retraining.comparison import compare_with_production
from retraining.context import RunContext, run_context
from retraining.decisions import gate_digest, objections, standing_decision
from retraining.errors import RolloutFailedError, RolloutWaitError, SplitChangedError
from retraining.gate import evaluate_gate
from retraining.google.deployments import Deployment
from retraining.google.models import ModelVersion
from retraining.history import History, find_event
from retraining.lineage import Lineage
from retraining.operators import DatasetOperator
from retraining.params import OVERRIDE
from retraining.rescoring import Rescoring
from retraining.rollout import Rollout, take_off
from retraining.smoke import golden_requests
from retraining.tracking import TrackedRun


def model_asset(dataset: str) -> str:
    """Return the name of the Airflow asset that a promotion updates."""
    return f"{dataset}_model"


class PromoteOperator(DatasetOperator):
    """Operator that gives a version the production traffic, if gate, run, people and the data's age allow it.

    A model is compared with the version that serves now: if another one came into production since the
    training, a small job scores both before anything moves. A version on older data than production's is
    declined, so the runs of a backfill end with the newest in production, in whatever order they end.

    The rollout is found half done when it is repeated (`retraining.rollout`). Each promotion, refusal and
    withdrawal is an event of the dataset's history, and each promotion an event of the asset
    `<dataset>_model`.

    Args:
        version: the version's resource name, `.../models/ID@VERSION`.
        job_dir: the training job's folder.
        data_dir: folder of the records that it was validated on.
        allowed: the gate's decision.
        reasons: the gate's reasons, in sentences.
        approval: what a person said of it, `approved` and a `sentence`; `None` where nobody is asked.

    Returns:
        `promoted`, the id of the `endpoint`, the `reasons` and a `note`.
    """

    template_fields: Sequence[str] = ("version", "job_dir", "data_dir", "allowed", "reasons", "approval")

    def __init__(
        self,
        *,
        version: str,
        job_dir: str,
        allowed: bool,
        reasons: Sequence[str],
        data_dir: str = "",
        approval: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.job_dir = job_dir
        self.data_dir = data_dir
        self.allowed = allowed
        self.reasons = reasons
        self.approval = approval
        self.outlets = [AssetAlias(model_asset(self.spec.name))]
        self._cancel: list[Any] = []

    def attempt(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Call `run`, and announce a promotion to other DAGs; the last try leaves no rollout half done."""
        try:
            result = super().attempt(context)
        except AirflowRescheduleException:
            raise
        except Exception:
            if getattr(context["ti"], "try_number", 1) > self.retries:
                self._restore(context)
            raise
        if result["promoted"] and "outlet_events" in context:
            alias = AssetAlias(model_asset(self.spec.name))
            facts = {"version": self.version, "endpoint": result["endpoint"]}
            context["outlet_events"][alias].add(Asset(name=model_asset(self.spec.name)), extra=facts)
        return result

    def run(self, context: RunContext) -> Mapping[str, Any]:
        """Promote or decline."""
        names = context.names(self.spec.name)
        context.endpoints.check_ownership(names.production_endpoint, names)
        version = context.models.get(self.version)
        release = _Release(context, self, version)
        rollout = Rollout(context, self.spec, version, owner=context.run.slug, report=self.log.info)
        self._cancel.append(rollout.restore)
        try:
            if not release.is_done and not rollout.is_under_way:
                against = release.refusal()
                if not against:
                    rollout.end_others()
                    against = release.objections()
                if against:
                    return release.decline(against)
            if not release.is_done:
                rollout.run(golden_requests(context, version), objection=release.standing)
        except RolloutWaitError as wait:
            self.log.info("%s: until %s", wait, wait.until)
            raise AirflowRescheduleException(wait.until) from wait
        except SplitChangedError as error:
            return release.decline([str(error)])
        except RolloutFailedError as error:
            if not error.is_final:
                raise AirflowException(str(error)) from error
            release.record("refusal" if error.is_objection else "withdrawal", [str(error)])
            raise AirflowFailException(str(error)) from error
        return release.complete(rollout)

    def measure(self, result: Mapping[str, Any]) -> None:
        """Count the release."""
        self.record_event("releases", outcome=_outcome(result))

    def track(self, run: TrackedRun, context: RunContext, result: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Add what became of the version, and end the run."""
        reasons = " ".join(result["reasons"])
        run.set_tags({"promotion": _outcome(result), "reasons": reasons, "endpoint": result["endpoint"]})
        run.describe([result["note"]])
        run.end("FINISHED")

    def lineage(self, context: RunContext, result: Mapping[str, Any]) -> Lineage:
        """Return the version, and the endpoint if that serves it now."""
        version = lineage.model_version(context, self.version)
        serves = {"model_version": version.version}
        endpoint = lineage.endpoint(context, result["endpoint"], facets={"perennial_endpoint": serves})
        outcome = {"outcome": _outcome(result), "reasons": result["reasons"]}
        return Lineage(
            inputs=[version],
            outputs=[endpoint] if result["promoted"] else [],
            facets={"perennial_promotion": outcome},
        )

    def _restore(self, context: Mapping[str, Any]) -> None:
        from google.api_core.exceptions import GoogleAPIError

        try:
            with run_context(context) as services:
                version = services.models.get(self.version)
                owner = services.run.slug
                Rollout(services, self.spec, version, owner=owner, report=self.log.info).restore()
        except (GoogleAPIError, OSError) as error:  # the next run's rollout restores it
            self.log.warning("The traffic split was not restored: %s", error)

    def on_kill(self) -> None:
        """Restore the traffic split before a rollout, and cancel a scoring job."""
        for cancel in self._cancel:
            cancel()


class _Release:
    """What one task knows of the release of its version."""

    def __init__(self, context: RunContext, task: PromoteOperator, version: ModelVersion) -> None:
        self._context = context
        self._task = task
        self._spec = task.spec
        self._version = version
        self._names = context.names(task.spec.name)
        self._history = History(context.storage, self._names)
        self._events = self._history.events()
        self._evaluation = context.storage.read_artifact(task.job_dir, Evaluation)
        self._reasons = list(task.reasons)
        self._serving = context.endpoints.serving(self._names.production_endpoint)
        self._promoted = find_event(self._events, self._key("promotion"))
        self._by_gate = False
        self.is_done = self._promoted is not None and self._serves()

    def refusal(self) -> list[str]:
        """Return the objections of gate, run and person, in sentences; none if they have none."""
        task, context = self._task, self._context
        if not task.allowed:
            self._by_gate = True
            return list(task.reasons)
        if not context.params.get("promote", True):
            return ["The run only evaluates: promotion is off in its parameters."]
        if task.approval is not None and not task.approval["approved"]:
            return [f"{task.approval['sentence']}."]
        return []

    def objections(self) -> list[str]:
        """Return what decisions and the version in production have against it; none if nothing."""
        context = self._context
        self._serving = context.endpoints.serving(self._names.production_endpoint)
        production = context.production_version(self._spec.name)
        if not self._is_approved:
            decided = objections(
                context,
                self._spec,
                self._version,
                production,
                events=self._events,
                deployed=context.endpoints.deployments(self._names.production_endpoint),
            )
            if decided:
                return decided
        return self._beside(production)

    def standing(self) -> str:
        """Return the hold that came while the rollout is under way; empty if there is none."""
        if self._is_approved or self._context.params.get(OVERRIDE, False):
            return ""
        return standing_decision(self._spec.name, self._history.events(), [])

    def decline(self, against: Sequence[str]) -> dict[str, Any]:
        """Record the refusal and return the task's result."""
        self._task.log.info("Not promoted. %s", " ".join(against))
        self.record("refusal", against)
        note = "not promoted: " + " ".join(against)
        endpoint = self._names.production_endpoint
        return {"promoted": False, "endpoint": endpoint, "reasons": list(against), "note": note}

    def complete(self, rollout: Rollout) -> dict[str, Any]:
        """Make the version the default, record it, take others off, and return the task's result."""
        context, version, endpoint = self._context, self._version, self._names.production_endpoint
        reasons, note = list(self._reasons), f"version {version.version} answers at {endpoint}"
        if self._is_approved and self._task.approval is not None:
            note += f"; {self._task.approval['sentence']}"
            reasons.append(f"{self._task.approval['sentence']}.")
        context.models.move_aliases(version, add=[naming.DEFAULT_ALIAS], remove=[naming.CANDIDATE_ALIAS])
        if self._promoted is None:
            state = rollout.state
            replaced = "" if state is None else _most(state.found, self._deployed())
            self.record("promotion", reasons, replaced=replaced)
        else:
            replaced = self._promoted.from_version
        minutes = context.serving(self._spec).keep_replaced_minutes or 0.0
        kept = take_off(context, minutes, endpoint, version, replaced)
        for sentence in kept:
            self._task.log.warning(sentence)
            note += f"; {sentence}"
        rollout.finish()
        self._task.log.info(note)
        return {"promoted": True, "endpoint": endpoint, "reasons": reasons, "note": note}

    def record(self, kind: EventKind, reasons: Sequence[str], *, replaced: str | None = None) -> None:
        """Write an event of the history, unless this run has written it before."""
        production = self._serving.version if self._serving and replaced is None else replaced or ""
        if production == self._version.version:
            production = ""
        gate, evaluation = self._spec.gate, self._evaluation
        served = evaluation.production
        decided = kind != "refusal" or self._by_gate
        before = self._context.models.find(self._names.model, production) if production else None
        self._history.record(
            HistoryEvent(
                kind=kind,
                key=self._key(kind),
                time=datetime.now(UTC).isoformat(timespec="seconds"),
                who=f"run {self._context.run.run_id}",
                from_version=production,
                to_version=self._version.version,
                reasons=tuple(reasons),
                run_id=self._context.run.run_id,
                from_fingerprint=before.labels.get(naming.FINGERPRINT_LABEL, "") if before else "",
                to_fingerprint=self._version.labels.get(naming.FINGERPRINT_LABEL, ""),
                gate=gate_digest(gate) if decided else "",
                metric=gate.metric,
                estimate=evaluation.estimate(gate.metric),
                difference=served.difference.get(gate.metric) if served else None,
                examples=evaluation.examples,
            )
        )

    def _beside(self, production: ModelVersion | None) -> list[str]:
        """Return what speaks against the version beside the one that serves now."""
        if production is None or production.name == self._version.name:
            return []
        until = [one.labels.get(naming.DATA_UNTIL_LABEL, "") for one in (production, self._version)]
        if until[0] > until[1]:
            age = f"was trained on data until {until[0]}, this one until {until[1]}"
            return [f"Version {production.version} in production {age}."]
        compared = compare_with_production(self._context, self._spec, split=self._split)
        if compared.obstacle:
            policy = self._spec.gate.not_comparable
            fits = policy == "promote" or (policy == "ask" and self._is_approved)
            return [] if fits else [compared.sentence(policy)]
        served = self._evaluation.production
        if served is not None and served.version == production.version:
            return []
        return self._rescored(production)

    def _rescored(self, production: ModelVersion) -> list[str]:
        """Score both anew, evaluate the gate, and return its reasons if it declines."""
        task = self._task
        rescoring = Rescoring(
            self._context,
            self._spec,
            job_dir=task.job_dir,
            data_dir=task.data_dir or self._evaluation.data_dir,
            production=production,
        )
        task._cancel.append(rescoring.cancel)
        self._evaluation = rescoring.run()
        export = self._context.storage.list(task.job_dir + naming.MODEL_FOLDER)
        result = evaluate_gate(
            self._evaluation,
            self._spec.gate,
            contract=self._spec.contract,
            model_bytes=sum(found.size for found in export),
        )
        self._reasons = list(result.reasons)
        self._by_gate = not result.promote
        return [] if result.promote else self._reasons

    @property
    def _split(self) -> str:
        return self._version.labels.get(naming.SPLIT_LABEL, "")

    def _serves(self) -> bool:
        return self._serving is not None and self._serving.serves(self._version)

    def _deployed(self) -> list[Deployment]:
        return self._context.endpoints.deployments(self._names.production_endpoint)

    def _key(self, kind: EventKind) -> str:
        """Return the key of an event of this run; after a person's decision it is another one."""
        decisions = sum(event.kind in PERSONAL for event in self._events)
        return f"{kind} {self._context.run.slug} {self._version.version} {decisions}"

    @property
    def _is_approved(self) -> bool:
        approval = self._task.approval
        return approval is not None and bool(approval["approved"] and approval["sentence"])


def _outcome(result: Mapping[str, Any]) -> str:
    return "promoted" if result["promoted"] else "declined"


def _most(found: Mapping[str, int], deployed: Sequence[Deployment]) -> str:
    """Return the version that had most of a traffic split; empty if none had any."""
    shares = {one.version: found.get(one.id, 0) for one in deployed if found.get(one.id)}
    return max(shares, key=lambda version: shares[version], default="")
