"""Operators of the training DAG: this module holds what all of them share, each other module one noun.

`DatasetOperator` works in the worker itself. `JobOperator` leaves the work to a job of a service, and waits
for it, deferred or not.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from contract import ContractError, DatasetSpec
from retraining.context import RunContext, run_context
from retraining.errors import ConfigurationError, NothingToDoError
from retraining.google.calls import delays

if TYPE_CHECKING:
    from airflow.sdk import Context

    from retraining.google.jobs import JobLines, Jobs, JobStatus
    from retraining.triggers import JobTrigger

LOG_SECONDS = 5.0
"""Cloud Logging answers 60 reads a minute for a whole project."""


class DatasetOperator(BaseOperator):
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
        """`work` on a context of its own."""
        try:
            with run_context(context) as surroundings:
                return dict(self.run(surroundings))
        except (ConfigurationError, ContractError, FileNotFoundError) as error:
            raise AirflowFailException(str(error)) from error
        except NothingToDoError as error:
            context["ti"].xcom_push(key="note", value=str(error))
            raise AirflowSkipException(str(error)) from error

    @abstractmethod
    def run(self, context: RunContext) -> Mapping[str, Any]:
        """What the step does and what it comes to."""


class JobOperator(DatasetOperator):
    """Starts a job or adopts the one that an earlier try started; its lines appear in the task's log.

    Args:
        deferrable: wait in the triggerer instead of a worker; `operators.default_deferrable` if not said.
    """

    def __init__(self, *, deferrable: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable
        self._context: RunContext | None = None
        self._resumed: str | None = None
        self._killed = False

    def run(self, context: RunContext) -> Mapping[str, Any]:
        """Start or adopt the job, wait for its end, and say what it came to."""
        self._context = context
        job = self._resumed or self.start(context)
        if self._killed:  # while the job was made: the cancellation did not find it
            self.cancel(context)
            raise AirflowException(f"killed; {job} is cancelled")
        if job is not None:
            self._wait(context, job)
        return self.result(context, job)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on after a deferral, when the job has ended."""
        self._resumed = event["job"]
        return self.attempt(context)

    def on_kill(self) -> None:
        """Cancel what was started; called when the task is killed, which goes on for seconds after it."""
        self._killed = True
        if self._context is not None:
            self.cancel(self._context)

    @abstractmethod
    def start(self, context: RunContext) -> str | None:
        """The name of the job, started or adopted; nothing if there is nothing to do."""

    @abstractmethod
    def result(self, context: RunContext, job: str | None) -> Mapping[str, Any]:
        """What the step came to, after the job's good end."""

    def failure(self, job: str, status: JobStatus) -> AirflowException:
        """What to raise for a job that ended badly; another try makes another job."""
        return AirflowException(f"{job} ended as {status.state}: {status.error or 'without a message'}")

    @abstractmethod
    def cancel(self, context: RunContext) -> None:
        """Ask for the end of what `start` started, even if its name is not known yet."""

    @abstractmethod
    def jobs(self, context: RunContext) -> Jobs:
        """The service's jobs."""

    @abstractmethod
    def logs(self, context: RunContext, job: str) -> JobLines:
        """The job's lines."""

    @abstractmethod
    def trigger_class(self) -> type[JobTrigger]:
        """What waits for the job in the triggerer."""

    def _wait(self, context: RunContext, job: str) -> None:
        jobs, logs = self.jobs(context), self.logs(context, job)
        if self.deferrable and self._resumed is None and not jobs.status(job).ended:
            self._defer(context, job)
        state, next_log = "", 0.0
        for delay in delays(context.settings.poll_seconds):
            status = jobs.status(job)
            if status.state != state:
                state = status.state
                self.log.info("%s is %s", job, state)
            if status.ended or time.monotonic() >= next_log:
                self._relay(logs)
                next_log = time.monotonic() + min(LOG_SECONDS, context.settings.poll_seconds)
            if status.succeeded:
                return
            if status.ended:
                raise self.failure(job, status)
            time.sleep(delay)

    def _defer(self, context: RunContext, job: str) -> None:
        settings = context.settings
        trigger = self.trigger_class()(
            job=job,
            connection_id=settings.connection_id,
            project=settings.project,
            region=settings.region,
            poll_seconds=settings.poll_seconds,
        )
        self.defer(trigger=trigger, method_name="execute_complete")

    def _relay(self, logs: JobLines) -> None:
        for line in logs.new_lines():
            self.log.info("| %s", line)
