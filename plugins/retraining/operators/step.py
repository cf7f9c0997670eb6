"""What every step of the chain has in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from contract import ContractError, DatasetSpec
from retraining.bench import Bench, open_bench
from retraining.errors import ConfigurationError, NothingToDoError

if TYPE_CHECKING:
    from airflow.sdk import Context


class Step(BaseOperator):
    """One step for one dataset.

    A subclass says in `work` what is done; what that returns is the step's result, a small mapping of which
    every entry is an XCom of its own. What can't be mended by another try fails the task at once; a run
    that has nothing to do is skipped, and its note says why.
    """

    def __init__(self, *, spec: DatasetSpec, **kwargs: Any) -> None:
        super().__init__(multiple_outputs=True, **kwargs)
        self.spec = spec

    def execute(self, context: Context) -> dict[str, Any]:
        """Do the work of the step."""
        return self.attempt(context)

    def attempt(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """`work` on a bench of its own."""
        try:
            with open_bench(context) as bench:
                return dict(self.work(bench))
        except (ConfigurationError, ContractError, FileNotFoundError) as error:
            raise AirflowFailException(str(error)) from error
        except NothingToDoError as error:
            context["ti"].xcom_push(key="note", value=str(error))
            raise AirflowSkipException(str(error)) from error

    @abstractmethod
    def work(self, bench: Bench) -> Mapping[str, Any]:
        """What the step does and what it comes to."""
