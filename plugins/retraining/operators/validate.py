"""`validate_export`: the gate. Is the export whole, and is the model good enough to be promoted?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from retraining import gate, golden, paths
from retraining.bench import Bench
from retraining.evaluation import Evaluation
from retraining.operators.step import Step

SAVED_MODEL = "saved_model.pb"


class ValidateExportOperator(Step):
    """Judges a training run's export and writes the verdict beside it.

    A broken export fails the task. A weak model is a good run that does not promote.

    Args:
        job_dir: the training run's folder.

    Returns:
        `promote`, the `reasons` in sentences, the `metrics`, and a `note`.
    """

    template_fields: Sequence[str] = ("job_dir",)

    def __init__(self, *, job_dir: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_dir = job_dir

    def work(self, bench: Bench) -> Mapping[str, Any]:
        """Judge, and write `gate.json`."""
        storage = bench.storage
        export = storage.list(self.job_dir + paths.MODEL)
        if SAVED_MODEL not in {found.name for found in export}:
            raise AirflowFailException(f"{self.job_dir}{paths.MODEL}{SAVED_MODEL} does not exist")
        golden.parse(storage.read_text(self.job_dir + paths.GOLDEN))
        evaluation = Evaluation.from_json(storage.read_text(self.job_dir + paths.EVALUATION))
        verdict = gate.judge(
            evaluation,
            self.spec.gate,
            contract=self.spec.contract,
            model_bytes=sum(found.size for found in export),
        )
        storage.write_json(self.job_dir + paths.GATE, verdict.to_json())
        for check in verdict.checks:
            self.log.info("%s %s", "ok  " if check.passed else "FAIL", check.sentence)
        if verdict.broken:
            raise AirflowFailException("The export is broken. " + " ".join(verdict.broken))
        return {
            "promote": verdict.promote,
            "reasons": list(verdict.reasons),
            "metrics": dict(evaluation.metrics),
            "note": "fit to be promoted" if verdict.promote else " ".join(verdict.reasons),
        }
