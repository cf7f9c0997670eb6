"""The export as a model version: validated, registered, and smoke-tested on the candidate endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from contract import naming
from contract.artifacts import Evaluation, GoldenRequest
from retraining import lineage
from retraining.comparison import SAVED_MODEL, compare_with_production, split_identity
from retraining.context import RunContext
from retraining.gate import evaluate_gate
from retraining.job_spec import training_fingerprint
from retraining.lineage import Lineage
from retraining.operators import DatasetOperator
from retraining.smoke import clear_candidate, golden_requests, oversized, smoke_test
from retraining.tracking import TrackedRun

PORT = 8080
PREDICT_ROUTE = "/predict"
HEALTH_ROUTE = "/health"


class ValidateExportOperator(DatasetOperator):
    """Operator that evaluates the gate on a run's export and writes the result beside it.

    A broken export fails the task. A weak model succeeds, and isn't promoted.

    Args:
        job_dir: the training job's folder.
        snapshot: the id of the raw data.

    Returns:
        `promote`, `ask` (whether a person has to decide), the `reasons` in sentences, the `metrics`, and a
        `note`.
    """

    template_fields: Sequence[str] = ("job_dir", "snapshot")

    def __init__(self, *, job_dir: str, snapshot: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_dir = job_dir
        self.snapshot = snapshot

    def run(self, context: RunContext) -> Mapping[str, Any]:
        """Evaluate the gate and write its result."""
        storage = context.storage
        export = storage.list(self.job_dir + naming.MODEL_FOLDER)
        if SAVED_MODEL not in {found.name for found in export}:
            raise AirflowFailException(f"{self.job_dir}{naming.MODEL_FOLDER}{SAVED_MODEL} does not exist")
        golden = GoldenRequest.from_text(storage.read_text(self.job_dir + GoldenRequest.FILENAME))
        if too_large := oversized(golden, context.serving(self.spec)):
            raise AirflowFailException(f"No server could be asked: {'; '.join(too_large[:3])}")
        evaluation = storage.read_artifact(self.job_dir, Evaluation)
        split = split_identity(context, self.spec, self.snapshot)
        compared = compare_with_production(context, self.spec, split=split)
        not_comparable = compared.sentence(self.spec.gate.not_comparable)
        if not_comparable:  # it may have been evaluated all the same, on records that it was trained on
            evaluation = replace(evaluation, production=None)
        result = evaluate_gate(
            evaluation,
            self.spec.gate,
            contract=self.spec.contract,
            model_bytes=sum(found.size for found in export),
            not_comparable=not_comparable,
        )
        storage.write_artifact(self.job_dir, result)
        for check in result.checks:
            self.log.info("%s %s", "ok  " if check.passed else "FAIL", check.sentence)
        if result.blocking:
            raise AirflowFailException("The export is broken. " + " ".join(result.blocking))
        return {
            "promote": result.promote,
            "ask": bool(not_comparable) and self.spec.gate.not_comparable == "ask",
            "reasons": list(result.reasons),
            "metrics": dict(evaluation.metrics),
            "note": "fit to be promoted" if result.promote else " ".join(result.reasons),
        }

    def measure(self, result: Mapping[str, Any]) -> None:
        """Count the gate's decision."""
        self.record_event("gate", decision=_decision(result))

    def track(self, run: TrackedRun, context: RunContext, result: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Add the gate's decision and its reasons."""
        run.set_tags({"gate": _decision(result), "gate_reasons": " ".join(result["reasons"])})
        run.describe(result["reasons"])

    def lineage(self, context: RunContext, result: Mapping[str, Any]) -> Lineage:  # noqa: ARG002
        """Return the export, and the gate's decision on it."""
        decision = {"decision": _decision(result), "reasons": result["reasons"]}
        return Lineage(inputs=[lineage.export(self.job_dir)], facets={"perennial_gate": decision})


class CreateModelVersionOperator(DatasetOperator):
    """Operator that creates a version of the dataset's model, or finds the one that this run created before.

    Args:
        job_dir: the training job's folder.
        snapshot: the id of the raw data that it was trained on.
        data_until: when that data ends, ISO 8601.
        metrics: what the model reached.

    Returns:
        `model`, `version`, their `name` and a `note`.
    """

    template_fields: Sequence[str] = ("data_until", "job_dir", "metrics", "snapshot")

    def __init__(
        self, *, job_dir: str, snapshot: str, data_until: str, metrics: Mapping[str, float], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_until = data_until
        self.job_dir = job_dir
        self.snapshot = snapshot
        self.metrics = metrics

    def run(self, context: RunContext) -> Mapping[str, Any]:
        """Find or upload the version."""
        names = context.names(self.spec.name)
        identity = context.identity(self.spec.name, self.task_id, {"job_dir": self.job_dir})
        version, found = context.models.get_or_upload(names, identity, self._model(context))
        note = f"{'found' if found else 'made'} version {version.version} of {self.spec.name}"
        self.log.info("%s (%s)", note, version.name)
        return {"model": version.model, "version": version.version, "name": version.name, "note": note}

    def track(self, run: TrackedRun, context: RunContext, result: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Add the version and its resource name."""
        run.set_tags({"model_version": result["version"], "model_version_name": result["name"]})

    def lineage(self, context: RunContext, result: Mapping[str, Any]) -> Lineage:
        """Return the export, and the version of the model."""
        facts = {"name": result["name"], "metrics": dict(self.metrics), "snapshot": self.snapshot}
        made = lineage.model_version(context, result["name"], facets={"perennial_model": facts})
        return Lineage(inputs=[lineage.export(self.job_dir)], outputs=[made])

    def _model(self, context: RunContext) -> dict[str, Any]:
        settings, metric = context.settings, self.spec.gate.metric
        reached = self.metrics[metric]
        return {
            "display_name": self.spec.name,
            "description": self.spec.description,
            "version_description": f"{metric} {reached:.4g}, from run {context.run.run_id}",
            "version_aliases": [naming.CANDIDATE_ALIAS],
            "artifact_uri": self.job_dir + naming.MODEL_FOLDER,
            **settings.infrastructure.resource_fields,
            "container_spec": {
                "image_uri": settings.serving_image,
                "predict_route": PREDICT_ROUTE,
                "health_route": HEALTH_ROUTE,
                "ports": [{"container_port": PORT}],
            },
            "labels": {
                **settings.infrastructure.labels,
                naming.SNAPSHOT_LABEL: self.snapshot,
                naming.SPLIT_LABEL: naming.label_value(split_identity(context, self.spec, self.snapshot)),
                naming.FINGERPRINT_LABEL: training_fingerprint(
                    self.spec, snapshot=self.snapshot, params=context.params, settings=settings
                ),
                naming.DATA_UNTIL_LABEL: naming.time_label(datetime.fromisoformat(self.data_until)),
                naming.CODE_LABEL: naming.label_value(settings.trainer_version),
                naming.METRIC_LABEL: naming.label_value(f"{metric}-{reached:.4f}".replace(".", "_")),
            },
        }


class SmokePredictOperator(DatasetOperator):
    """Operator that serves a version on the candidate endpoint, sends golden requests, and undeploys it.

    A version that the gate declines is not deployed anywhere. A wrong answer fails the task at once: no
    further attempt would change it.

    Args:
        version: the version's resource name, `.../models/ID@VERSION`.
        job_dir: the training job's folder.
        allowed: the gate's decision.

    Returns:
        `requests` (how many were answered as they should be) and a `note`.
    """

    template_fields: Sequence[str] = ("version", "job_dir", "allowed")

    def __init__(self, *, version: str, job_dir: str, allowed: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.job_dir = job_dir
        self.allowed = allowed
        self._context: RunContext | None = None

    def run(self, context: RunContext) -> Mapping[str, Any]:
        """Deploy, predict, compare, undeploy."""
        if not self.allowed:
            note = "not deployed: the gate declined it"
            self.log.info(note)
            return {"requests": 0, "note": note}
        self._context = context
        version = context.models.get(self.version)
        requests = golden_requests(context, version)
        wrong = smoke_test(context, self.spec, version, requests, report=self.log.info)
        if wrong:
            raise AirflowFailException(
                f"{self.version} does not answer as it did when it was trained: {'; '.join(wrong[:5])}"
            )
        note = f"{len(requests)} golden requests came back as they should"
        self.log.info(note)
        return {"requests": len(requests), "note": note}

    def lineage(self, context: RunContext, result: Mapping[str, Any]) -> Lineage:
        """Return the version, and how many of its answers were right."""
        tried = [lineage.model_version(context, self.version)] if result["requests"] else []
        return Lineage(inputs=tried, facets={"perennial_smoke_test": {"requests": result["requests"]}})

    def on_kill(self) -> None:
        """Undeploy everything from the candidate endpoint; called when the task is killed."""
        if self._context is not None:
            clear_candidate(self._context, self.spec, report=self.log.info)


def _decision(result: Mapping[str, Any]) -> str:
    return "promote" if result["promote"] else "decline"
