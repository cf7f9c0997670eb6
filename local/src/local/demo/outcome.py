"""What a run left behind: its version and the gate's verdict, in the run's folder of the bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.airflow_client import AirflowClient
from local.evaluation import Evaluation, read_json
from local.home import Home


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A run's results; empty where it didn't get so far.

    Attributes:
        run_folder: the run's folder of the bucket.
        promoted: whether its version is in production.
        endpoint: the id of the dataset's endpoint in production; empty where the run did not get so far.
        reasons: the gate's sentences.
        model: the resource name of the model.
        version: the version that the run made.
        evaluation: how good it is; `None` where it was not trained.
    """

    run_folder: Path
    promoted: bool
    endpoint: str
    reasons: Sequence[str]
    model: str | None
    version: str | None
    evaluation: Evaluation | None

    @classmethod
    def of(cls, airflow: AirflowClient, dag_id: str, run_id: str, home: Home) -> Outcome:
        """The outcome of a run, as far as it got."""
        trained = airflow.xcom(dag_id, run_id, "train") or {}
        made = airflow.xcom(dag_id, run_id, "create_model_version") or {}
        promotion = airflow.xcom(dag_id, run_id, "promote") or {}
        folder = home.buckets / str(trained.get("job_dir", "")).removeprefix("gs://")
        return cls(
            run_folder=folder,
            promoted=bool(promotion.get("promoted", False)),
            endpoint=promotion.get("endpoint", ""),
            reasons=promotion.get("reasons") or read_json(folder / "gate.json").get("reasons", []),
            model=made.get("model"),
            version=made.get("version"),
            evaluation=Evaluation.read(folder, home.buckets),
        )
