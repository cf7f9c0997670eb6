"""`approve`: a person decides on a promotion, given the gate's result and the decisions that stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator

from contract import DatasetSpec
from retraining.context import run_context
from retraining.decisions import standing_decision
from retraining.history import History
from retraining.params import APPROVAL, PROMOTE
from retraining.rollout import is_rolling_out

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVE, DECLINE = "Approve", "Decline"


class ApproveOperator(HITLOperator):
    """Operator that shows the gate's result in Airflow's required actions and waits for a person's approval.

    Nobody is asked in a run whose parameter `approval` is off, nor about a version that won't be promoted
    anyway. A declined version stays a candidate.

    Args:
        spec: the dataset.
        version: the version's resource name, `.../models/ID@VERSION`.
        allowed: the gate's decision.
        reasons: the gate's reasons, in sentences.
        ask: ask whatever the parameter says: the version can't be compared with the one in production.

    Returns:
        `approval` (`approved`, and a `sentence` that says who said so; empty where nobody was asked) and a
        `note`.
    """

    template_fields: Sequence[str] = ("version", "allowed", "ask", "reasons", "subject", "body")

    def __init__(
        self,
        *,
        spec: DatasetSpec,
        version: str,
        allowed: bool,
        reasons: Sequence[str],
        ask: bool = False,
        **kwargs: Any,
    ) -> None:
        subject = f"Put a new version of {spec.name} into production?"
        super().__init__(subject=subject, options=[APPROVE, DECLINE], multiple_outputs=True, **kwargs)
        self.spec = spec
        self.version = version
        self.allowed = allowed
        self.ask = ask
        self.reasons = reasons

    def execute(self, context: Context) -> dict[str, Any]:
        """Request approval, or say why it isn't required."""
        params = context["params"]
        if not params.get(APPROVAL, self.spec.approval) and not self.ask:
            return self._outcome(note="no approval required")
        if not self.allowed or not params.get(PROMOTE, True):
            return self._outcome(note="no approval required: the version won't be promoted anyway")
        self.subject = f"Put version {self.version.rpartition('@')[2]} of {self.spec.name} into production?"
        self.body = "\n".join(f"- {reason}" for reason in [*self._standing(context), *self.reasons])
        return dict(super().execute(context))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Resume after the answer."""
        answer = super().execute_complete(context, event)
        approved = answer["chosen_options"] == [APPROVE]
        sentence = f"{'Approved' if approved else 'Declined'} by {_name(answer['responded_by_user'])}"
        self.log.info(sentence)
        return self._outcome(approved=approved, sentence=sentence, note=sentence)

    def _standing(self, context: Context) -> list[str]:
        """Return the decision that an approval overrides, if there is one."""
        with run_context(context) as services:
            names = services.names(self.spec.name)
            events = History(services.storage, names).events()
            rolls_out = is_rolling_out(services, names)
            deployed = [] if rolls_out else services.endpoints.deployments(names.production_endpoint)
        found = standing_decision(self.spec.name, events, deployed)
        return [found] if found else []

    def _outcome(self, *, approved: bool = True, sentence: str = "", note: str) -> dict[str, Any]:
        return {"approval": {"approved": approved, "sentence": sentence}, "note": note}


def _name(user: Mapping[str, Any] | None) -> str:
    return str((user or {}).get("name") or (user or {}).get("id") or "nobody")
