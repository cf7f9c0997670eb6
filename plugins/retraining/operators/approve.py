"""`approve`: a person's word on a version before it goes into production, in a run that asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator

from contract import DatasetSpec
from retraining.params import APPROVAL, PROMOTE

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVE, DECLINE = "Approve", "Decline"


class ApproveOperator(HITLOperator):
    """Shows the gate's verdict in Airflow's list of required actions and waits for an answer.

    It asks nobody in a run whose parameter `approval` is off, nor of a version that won't be promoted anyway.
    `promote` is told the answer: a version that was declined stays a candidate.

    Args:
        spec: the dataset.
        version: the version's resource name, `.../models/ID@VERSION`.
        allowed: the gate's verdict.
        reasons: the gate's reasons, in sentences.

    Returns:
        `approval` (`approved`, and a `sentence` that says who said so; empty where nobody was asked) and a
        `note`.
    """

    template_fields: Sequence[str] = ("version", "allowed", "reasons", "subject", "body")

    def __init__(
        self, *, spec: DatasetSpec, version: str, allowed: bool, reasons: Sequence[str], **kwargs: Any
    ) -> None:
        subject = f"Put a new version of {spec.name} into production?"
        super().__init__(subject=subject, options=[APPROVE, DECLINE], multiple_outputs=True, **kwargs)
        self.spec = spec
        self.version = version
        self.allowed = allowed
        self.reasons = reasons

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask, or say why nobody is asked."""
        params = context["params"]
        if not params.get(APPROVAL, self.spec.approval):
            return self._outcome(note="not asked for")
        if not self.allowed or not params.get(PROMOTE, True):
            return self._outcome(note="nobody asked: the version won't be promoted anyway")
        self.subject = f"Put version {self.version.rpartition('@')[2]} of {self.spec.name} into production?"
        self.body = "\n".join(f"- {reason}" for reason in self.reasons)
        return dict(super().execute(context))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after the answer."""
        answer = super().execute_complete(context, event)
        approved = answer["chosen_options"] == [APPROVE]
        sentence = f"{'Approved' if approved else 'Declined'} by {_name(answer['responded_by_user'])}"
        self.log.info(sentence)
        return self._outcome(approved=approved, sentence=sentence, note=sentence)

    def _outcome(self, *, approved: bool = True, sentence: str = "", note: str) -> dict[str, Any]:
        return {"approval": {"approved": approved, "sentence": sentence}, "note": note}


def _name(user: Mapping[str, Any] | None) -> str:
    return str((user or {}).get("name") or (user or {}).get("id") or "nobody")
