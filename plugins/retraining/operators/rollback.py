"""`decide`: a person's decision on a dataset's releases: a rollback, a hold, or its release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from contract import ContractError
from retraining.context import run_context
from retraining.errors import ConfigurationError, RolloutFailedError
from retraining.rollback import ReleaseDesk, decide
from retraining.spec import read_spec

if TYPE_CHECKING:
    from airflow.sdk import Context


class ModelRollbackOperator(BaseOperator):
    """Operator that carries out a decision on releases; a retry goes on where the try before stopped.

    Args:
        dataset: its name.
        action: `rollback`, `hold` or `release`.
        version: the version to go back to; empty for the one that was in production before.
        reason: a sentence, kept in the history.

    Returns:
        A `note`.
    """

    template_fields: Sequence[str] = ("dataset", "action", "version", "reason")

    def __init__(self, *, dataset: str, action: str, version: str, reason: str, **kwargs: Any) -> None:
        super().__init__(multiple_outputs=True, **kwargs)
        self.dataset = dataset
        self.action = action
        self.version = version
        self.reason = reason

    def execute(self, context: Context) -> dict[str, Any]:
        """Decide, in the name of the person who triggered the run."""
        run: Any = context["dag_run"]
        try:
            spec = read_spec(self.dataset, Path(conf.get_mandatory_value("core", "dags_folder")))
            with run_context(_as_mapping(context)) as services:
                desk = ReleaseDesk(
                    services,
                    spec,
                    who=getattr(run, "triggering_user_name", None) or f"run {run.run_id}",
                    reason=self.reason,
                    key=f"{self.action} {services.run.slug}",
                    run_id=run.run_id,
                    report=self.log.info,
                )
                note = decide(desk, self.action, self.version or None)
        except (ConfigurationError, ContractError, FileNotFoundError) as error:
            raise AirflowFailException(str(error)) from error
        except RolloutFailedError as error:
            failure = AirflowFailException if error.is_final else AirflowException
            raise failure(str(error)) from error
        self.log.info(note)
        return {"note": note}


def _as_mapping(context: Context) -> Mapping[str, Any]:
    return dict(context)
