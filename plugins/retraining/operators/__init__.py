"""Operators of the training DAG; this module has their base classes.

`DatasetOperator` works in the worker itself. `JobOperator` leaves the work to a job of a service, and waits
for it, deferred or not.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator, conf
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)
from airflow.sdk.observability.stats import Stats

from contract import ContractError, DatasetSpec
from retraining.context import RunContext, run_context
from retraining.errors import ConfigurationError, NoDataYetError, NoMachinesError, NothingToDoError
from retraining.google.jobs import follow
from retraining.lineage import Lineage, to_openlineage
from retraining.settings import Settings
from retraining.tracking import TrackedRun, within_deadline

if TYPE_CHECKING:
    from airflow.sdk import Context

    from retraining.google.jobs import JobLines, Jobs, JobStatus
    from retraining.triggers import JobTrigger


_SHORTEST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=10)
"""Pauses of a task that waits for machines; each is half of what it has waited."""


@dataclass(frozen=True, kw_only=True)
class MachineWait:
    """Wait of a task for machines that Google has not got.

    Attributes:
        since: its begin; None if it begins now.
        longest: its end is a failure.
        turns: when other machines are asked for, after its begin, with their names.
    """

    since: datetime | None
    longest: timedelta
    turns: Sequence[tuple[timedelta, str]] = ()


class DatasetOperator(BaseOperator):
    """Operator of one task of a dataset's DAG.

    A subclass implements `run`, whose result is a small mapping: every entry becomes an XCom. `measure` makes
    metrics of it, which go where Airflow's go (docs/metrics.md), `track` what MLflow knows of the run
    (docs/tracking.md), and `lineage` what OpenLineage does (docs/lineage.md). An error that
    no further attempt would avoid fails the task at once; a run that has nothing to do is skipped, and its
    note says why; a task whose data is late, or that gets no machines, is rescheduled until they are there,
    or fails at the limit.
    """

    def __init__(self, *, spec: DatasetSpec, **kwargs: Any) -> None:
        super().__init__(multiple_outputs=True, **kwargs)
        self.spec = spec
        self._completed: tuple[RunContext, Mapping[str, Any]] | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the task; called by Airflow."""
        return self.attempt(context)

    def attempt(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Call `run` with the surroundings of this task."""
        try:
            with run_context(context) as surroundings:
                try:
                    result = dict(self.run(surroundings))
                except NoMachinesError as error:
                    self._wait_for_machines(context, self.machine_wait(surroundings), error)
                self._try_to_record("metrics", lambda: self.measure(result))
                self._try_to_record("MLflow", lambda: self._track(surroundings, result))
            self._completed = surroundings, result
            return result
        except (ConfigurationError, ContractError, FileNotFoundError) as error:
            raise AirflowFailException(str(error)) from error
        except NothingToDoError as error:
            context["ti"].xcom_push(key="note", value=str(error))
            raise AirflowSkipException(str(error)) from error
        except NoDataYetError as error:
            now, until = datetime.now(UTC), error.until.isoformat(sep=" ", timespec="minutes")
            if now >= error.until:
                raise AirflowFailException(f"{error}; the wait for it ended at {until}") from error
            note = f"{error}: waiting until {until}"
            context["ti"].xcom_push(key="note", value=note)
            self.log.warning(note)
            pause = timedelta(seconds=Settings.from_environment().data_poll_seconds)
            raise AirflowRescheduleException(min(now + pause, error.until)) from error

    @abstractmethod
    def run(self, context: RunContext) -> Mapping[str, Any]:
        """Do the work and return its result."""

    def measure(self, result: Mapping[str, Any]) -> None:
        """Record the metrics of a result; most tasks have none but Airflow's."""

    def track(self, run: TrackedRun, context: RunContext, result: Mapping[str, Any]) -> None:
        """Add a result to the run in MLflow; some tasks have nothing to add."""

    def lineage(self, context: RunContext, result: Mapping[str, Any]) -> Lineage:  # noqa: ARG002
        """Return what the task read and made."""
        return Lineage()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002
        """Return the lineage of the result; called by Airflow's OpenLineage provider, where that is on."""
        return None if self._completed is None else to_openlineage(self.lineage(*self._completed))

    def _track(self, context: RunContext, result: Mapping[str, Any]) -> None:
        run = TrackedRun(context, self.spec.name)
        if run.is_on:
            within_deadline(lambda: self.track(run, context, result))

    def _try_to_record(self, where: str, record: Callable[[], None]) -> None:
        """Record what has been done, which is not undone for a record's sake."""
        try:
            record()
        except Exception as error:
            self.log.warning("Not recorded in %s: %r", where, error)

    def record_gauge(self, name: str, value: float, **tags: str) -> None:
        """Record a value of the dataset, `perennial.NAME`."""
        Stats.gauge(f"perennial.{name}", value, tags={"dataset": self.spec.name, **tags})

    def record_event(self, name: str, **tags: str) -> None:
        """Count an event of the dataset, `perennial.NAME`."""
        Stats.incr(f"perennial.{name}", tags={"dataset": self.spec.name, **tags})

    def machine_wait(self, context: RunContext) -> MachineWait:
        """Return how long the task has waited for machines, and goes on to."""
        longest = timedelta(minutes=context.settings.infrastructure.training.wait_minutes)
        return MachineWait(since=context.first_reschedule(), longest=longest)

    def _wait_for_machines(
        self, context: Mapping[str, Any], wait: MachineWait, error: NoMachinesError
    ) -> NoReturn:
        """Reschedule the task at intervals that grow, or let it fail at the end of the wait."""
        now = datetime.now(UTC)
        since = wait.since or now
        if now >= since + wait.longest:
            raise AirflowException(
                f"{str(error).rstrip('.')}; waited since {since:%Y-%m-%d %H:%M}"
            ) from error
        again = now + min(max((now - since) / 2, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        note = f"{str(error).rstrip('.')}: trying again at "
        turns = [(since + after, machines) for after, machines in wait.turns if since + after > now]
        if turns and turns[0][0] <= again:
            again = turns[0][0]
            note += f"{again:%H:%M:%S} UTC with {turns[0][1]}"
        else:
            note += f"{again:%H:%M:%S} UTC"
            note += "".join(f"; from {at:%H:%M:%S} with {machines}" for at, machines in turns[:1])
        context["ti"].xcom_push(key="note", value=note)
        self.log.warning(note)
        raise AirflowRescheduleException(again) from error


class JobOperator(DatasetOperator):
    """Operator that starts a job, or adopts that of an earlier attempt; its lines appear in the task's log.

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
        """Start or adopt the job, wait for its end, and return the result."""
        self._context = context
        job = self._resumed or self._started(context)
        if self._killed:  # while the job was made: the cancellation did not find it
            self.cancel(context)
            raise AirflowException(f"killed; {job} is cancelled")
        if job is not None:
            self._wait(context, job)
        return self.result(context, job)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Resume after a deferral, when the job has ended."""
        self._resumed = event["job"]
        return self.attempt(context)

    def on_kill(self) -> None:
        """Cancel the job; called when the task is killed, which lives for some seconds after it."""
        self._killed = True
        if self._context is not None:
            self.cancel(self._context)

    @abstractmethod
    def start(self, context: RunContext) -> str | None:
        """Return the name of the job, started or adopted; None if there is nothing to do."""

    @abstractmethod
    def result(self, context: RunContext, job: str | None) -> Mapping[str, Any]:
        """Return the result of the task, after the job has succeeded."""

    def failure(self, job: str, status: JobStatus) -> AirflowException:
        """Return the error for a job that failed; another attempt creates another job."""
        return AirflowException(f"{job} ended as {status.state}: {status.error or 'without a message'}")

    @abstractmethod
    def cancel(self, context: RunContext) -> None:
        """Request the cancellation of the job that `start` started, even if its name is not known yet."""

    @abstractmethod
    def jobs(self, context: RunContext) -> Jobs:
        """Return the service's jobs."""

    @abstractmethod
    def logs(self, context: RunContext, job: str, *, since: datetime) -> JobLines:
        """Return the log lines of a job that was created at this time."""

    @abstractmethod
    def trigger(self, context: RunContext, arguments: Mapping[str, Any]) -> JobTrigger:
        """Return the trigger that waits for the job, given the arguments of every `JobTrigger`."""

    def _wait(self, context: RunContext, job: str) -> None:
        jobs = self.jobs(context)
        status = jobs.status(job)
        if self.deferrable and self._resumed is None and not status.ended:
            self._defer(context, job)
        logs = self.logs(context, job, since=status.created)
        status = follow(jobs, job, logs, poll_seconds=context.settings.poll_seconds, log=self.log)
        self._try_to_record("metrics", lambda: self._measure_job(status))
        if status.lacks_machines:
            raise NoMachinesError(str(self.failure(job, status)))
        if not status.succeeded:
            raise self.failure(job, status)

    def _measure_job(self, status: JobStatus) -> None:
        self.record_event("jobs", task=self.task_id, state=status.state)
        tags = {"dataset": self.spec.name, "task": self.task_id}
        Stats.timing("perennial.job.duration", datetime.now(UTC) - status.created, tags=tags)

    def _started(self, context: RunContext) -> str | None:
        from google.api_core.exceptions import RetryError, TooManyRequests

        try:
            return self.start(context)
        except RetryError as error:
            if isinstance(error.cause, TooManyRequests):
                raise NoMachinesError(str(error.cause)) from error
            raise

    def _defer(self, context: RunContext, job: str) -> None:
        settings = context.settings
        arguments = {
            "job": job,
            "connection_id": settings.connection_id,
            "project": settings.project,
            "region": settings.region,
            "poll_seconds": settings.poll_seconds,
        }
        self.defer(trigger=self.trigger(context, arguments), method_name="execute_complete")
