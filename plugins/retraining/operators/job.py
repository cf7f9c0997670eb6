"""A step that leaves its work to a job of a service, and waits for it, deferred or not."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import conf
from airflow.sdk.exceptions import AirflowException

from retraining.bench import Bench
from retraining.operators.step import Step
from retraining.polling import delays

if TYPE_CHECKING:
    from airflow.sdk import Context

    from retraining.google.job_status import JobLines, Jobs, JobStatus
    from retraining.triggers.job import JobTrigger

LOG_SECONDS = 5.0
"""Cloud Logging answers 60 reads a minute for a whole project."""


class JobStep(Step):
    """Starts a job or adopts the one that an earlier try started; its lines appear in the task's log.

    Args:
        deferrable: wait in the triggerer instead of a worker; `operators.default_deferrable` if not said.
    """

    def __init__(self, *, deferrable: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable
        self._bench: Bench | None = None
        self._resumed: str | None = None
        self._killed = False

    def work(self, bench: Bench) -> Mapping[str, Any]:
        """Start or adopt the job, wait for its end, and say what it came to."""
        self._bench = bench
        job = self._resumed or self.start(bench)
        if self._killed:  # while the job was made: the cancellation did not find it
            self.cancel(bench)
            raise AirflowException(f"killed; {job} is cancelled")
        if job is not None:
            self._wait(bench, job)
        return self.result(bench, job)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on after a deferral, when the job has ended."""
        self._resumed = event["job"]
        return self.attempt(context)

    def on_kill(self) -> None:
        """Cancel what was started; called when the task is killed, which goes on for seconds after it."""
        self._killed = True
        if self._bench is not None:
            self.cancel(self._bench)

    @abstractmethod
    def start(self, bench: Bench) -> str | None:
        """The name of the job, started or adopted; nothing if there is nothing to do."""

    @abstractmethod
    def result(self, bench: Bench, job: str | None) -> Mapping[str, Any]:
        """What the step came to, after the job's good end."""

    def failure(self, job: str, status: JobStatus) -> AirflowException:
        """What to raise for a job that ended badly; another try makes another job."""
        return AirflowException(f"{job} ended as {status.state}: {status.error or 'without a message'}")

    @abstractmethod
    def cancel(self, bench: Bench) -> None:
        """Ask for the end of what `start` started, even if its name is not known yet."""

    @abstractmethod
    def jobs(self, bench: Bench) -> Jobs:
        """The service's jobs."""

    @abstractmethod
    def logs(self, bench: Bench, job: str) -> JobLines:
        """The job's lines."""

    @abstractmethod
    def trigger_class(self) -> type[JobTrigger]:
        """What waits for the job in the triggerer."""

    def _wait(self, bench: Bench, job: str) -> None:
        jobs, logs = self.jobs(bench), self.logs(bench, job)
        if self.deferrable and self._resumed is None and not jobs.status(job).ended:
            self._defer(bench, job)
        state, next_log = "", 0.0
        for delay in delays(bench.settings.poll_seconds):
            status = jobs.status(job)
            if status.state != state:
                state = status.state
                self.log.info("%s is %s", job, state)
            if status.ended or time.monotonic() >= next_log:
                self._relay(logs)
                next_log = time.monotonic() + min(LOG_SECONDS, bench.settings.poll_seconds)
            if status.succeeded:
                return
            if status.ended:
                raise self.failure(job, status)
            time.sleep(delay)

    def _defer(self, bench: Bench, job: str) -> None:
        settings = bench.settings
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
