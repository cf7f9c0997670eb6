"""`approve` and `promote`: a version goes into production, or not, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowException

from contract import DatasetSpec, naming
from contract.artifacts import Evaluation, GoldenRequest
from retraining.comparison import compare_with_production
from retraining.context import RunContext
from retraining.gate import prediction_differences
from retraining.google.endpoints import Deployment, Endpoints
from retraining.google.models import Models, ModelVersion
from retraining.operators import DatasetOperator
from retraining.params import APPROVAL, PROMOTE

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
        self.body = "\n".join(f"- {reason}" for reason in self.reasons)
        return dict(super().execute(context))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Resume after the answer."""
        answer = super().execute_complete(context, event)
        approved = answer["chosen_options"] == [APPROVE]
        sentence = f"{'Approved' if approved else 'Declined'} by {_name(answer['responded_by_user'])}"
        self.log.info(sentence)
        return self._outcome(approved=approved, sentence=sentence, note=sentence)

    def _outcome(self, *, approved: bool = True, sentence: str = "", note: str) -> dict[str, Any]:
        return {"approval": {"approved": approved, "sentence": sentence}, "note": note}


def _name(user: Mapping[str, Any] | None) -> str:
    return str((user or {}).get("name") or (user or {}).get("id") or "nobody")


class PromoteOperator(DatasetOperator):
    """Operator that gives a version all production traffic, if gate, run and the data's age allow it.

    The gate compared the version with what was in production when it was trained. If another version has come
    into production since, nothing is known of the two: the version is declined, except where data is
    partitioned by time and this version saw newer data (so the runs of a backfill end with the newest in
    production, in whatever order they end), or where the two can't be compared at all.

    Each part leaves the endpoint serving, and is found done when it is repeated: the new version is deployed
    and takes all traffic in one operation, is tested, gets the alias; only then are older ones undeployed.
    They stay in the registry.

    Args:
        version: the version's resource name, `.../models/ID@VERSION`.
        job_dir: the training job's folder.
        allowed: the gate's decision.
        reasons: the gate's reasons, in sentences.
        approval: what a person said of it, `approved` and a `sentence`; `None` where nobody is asked.

    Returns:
        `promoted`, the id of the `endpoint`, the `reasons` and a `note`.
    """

    template_fields: Sequence[str] = ("version", "job_dir", "allowed", "reasons", "approval")

    def __init__(
        self,
        *,
        version: str,
        job_dir: str,
        allowed: bool,
        reasons: Sequence[str],
        approval: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.job_dir = job_dir
        self.allowed = allowed
        self.reasons = reasons
        self.approval = approval

    def run(self, context: RunContext) -> Mapping[str, Any]:
        """Promote or decline."""
        models, endpoints, names = context.models, context.endpoints, context.names(self.spec.name)
        endpoint = names.production_endpoint
        endpoints.check_ownership(endpoint, names)
        version = models.get(self.version)
        serving = endpoints.serving(endpoint)
        against = self._refusal(context) or self._production(context, version, serving, models)
        if against:
            self.log.info("Not promoted. %s", " ".join(against))
            note = "not promoted: " + " ".join(against)
            return {"promoted": False, "endpoint": endpoint, "reasons": against, "note": note}
        self._switch(context, endpoint, version, endpoints)
        models.move_aliases(version, add=[naming.DEFAULT_ALIAS], remove=[naming.CANDIDATE_ALIAS])
        for deployment in endpoints.deployments(endpoint):
            if not deployment.serves(version):
                self.log.info("Taking version %s off %s", deployment.version, endpoint)
                endpoints.undeploy(endpoint, deployment)
        note, reasons = f"version {version.version} answers at {endpoint}", list(self.reasons)
        if self.approval is not None and self.approval["sentence"]:
            note += f"; {self.approval['sentence']}"
            reasons.append(f"{self.approval['sentence']}.")
        self.log.info(note)
        return {"promoted": True, "endpoint": endpoint, "reasons": reasons, "note": note}

    def _refusal(self, context: RunContext) -> list[str]:
        """Return the objections of gate, run and person, in sentences."""
        if not self.allowed:
            return list(self.reasons)
        if not context.params.get("promote", True):
            return ["The run only evaluates: promotion is off in its parameters."]
        if self.approval is not None and not self.approval["approved"]:
            return [f"{self.approval['sentence']}."]
        return []

    def _production(
        self, context: RunContext, version: ModelVersion, serving: Deployment | None, models: Models
    ) -> list[str]:
        """Return the objections that follow from the version in production, in sentences."""
        if serving is None or serving.serves(version):
            return []
        production = models.get(f"{serving.model}@{serving.version}")
        theirs, ours = (found.labels.get(naming.DATA_UNTIL_LABEL, "") for found in (production, version))
        if theirs > ours:
            age = f"was trained on data until {theirs}, this one until {ours}"
            return [f"Version {serving.version} in production {age}."]
        if compare_with_production(context, self.spec).obstacle:
            return []  # the gate's policy has decided
        newer = self.spec.partition is not None and ours > theirs
        compared = self._compared(context)
        if compared == serving.version or newer:
            return []
        other = f"version {compared}" if compared else "no other"
        since = f"has come into production since version {version.version} was trained"
        return [f"Version {serving.version} {since}, which was compared with {other}; run it again."]

    def _compared(self, context: RunContext) -> str | None:
        """Return the version that was in production when this one was trained."""
        production = context.storage.read_artifact(self.job_dir, Evaluation).production
        return None if production is None else production.version

    def _switch(
        self, context: RunContext, endpoint: str, version: ModelVersion, endpoints: Endpoints
    ) -> None:
        """Give the version all traffic and test it; if a prediction is wrong, roll back.

        Raises:
            AirflowException: a prediction is wrong.
        """
        text = context.storage.read_text(self.job_dir + GoldenRequest.FILENAME)
        requests = GoldenRequest.from_text(text)[:1]
        endpoints.ensure(endpoint, context.names(self.spec.name))
        self.log.info("Deploying %s to %s", self.version, endpoint)
        deployed = endpoints.deploy(
            endpoint,
            version,
            machine_type=context.settings.serving_machine,
            service_account=context.settings.service_account,
        )
        wrong = _ask(endpoints, endpoint, version, requests)
        if not wrong:
            return
        # Whichever served before this try or an earlier one: it is only taken off at the very end.
        before = [found for found in endpoints.deployments(endpoint) if not found.serves(version)]
        if before:
            endpoints.route_all(endpoint, max(before, key=lambda found: int(found.version)))
        endpoints.undeploy(endpoint, deployed)
        raise AirflowException(f"{endpoint} does not answer as it should: {'; '.join(wrong[:5])}")


def _ask(
    endpoints: Endpoints, endpoint: str, version: ModelVersion, requests: Sequence[GoldenRequest]
) -> list[str]:
    """Return the errors of the endpoint's predictions, in sentences; a failed call is one, too."""
    from google.api_core.exceptions import GoogleAPIError

    try:
        answer = endpoints.predict(endpoint, [request.instance for request in requests])
    except GoogleAPIError as error:
        return [str(error)]
    if answer.version != version.version:
        return [f"model_version_id: expected {version.version}, received {answer.version}"]
    return prediction_differences(requests, answer.predictions)
