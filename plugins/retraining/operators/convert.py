"""`convert_to_tfrecord`: one snapshot to TFRecord shards, by a Dataflow job."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from contract import FEATURES_FILENAME, TRAIN_SPLIT, VALIDATION_SPLIT, DatasetStatistics, naming
from contract.artifacts import DatasetInfo
from retraining import lineage
from retraining.context import RunContext
from retraining.errors import ConfigurationError
from retraining.google.credentials import handed_on
from retraining.google.dataflow_jobs import SDISTS, DataflowJobs, WaitingRuns
from retraining.google.jobs import JobLogs, JobStatus
from retraining.lineage import Lineage
from retraining.links import JobLink
from retraining.operators import JobOperator
from retraining.params import RECONVERT
from retraining.tracking import TrackedRun
from retraining.triggers import DataflowJobTrigger

MODULE = "preprocessing.main"
SUBMIT_SECONDS = 600.0

UNUSABLE_DATA = ("preprocessing.errors.TooManyRejectedError: ", "preprocessing.errors.SourceError: ")
"""Beginnings of the error lines of data that no further attempt could convert."""


class ConvertToTFRecordOperator(JobOperator):
    """Operator that converts a snapshot by the dataset's contract, once: the key stands for both.

    A forced reconversion writes into a folder of its own: the records that other versions were trained on
    stay as they are.

    Args:
        snapshot: the id of the raw data.

    Returns:
        `data_dir`, `key`, `job`, `converted` (whether this run did it), `records` by split, `rejected` by
        reason, and a `note`.
    """

    template_fields: Sequence[str] = ("snapshot",)
    operator_extra_links = (JobLink(),)

    def __init__(self, *, snapshot: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot

    def key(self, context: RunContext) -> str:
        """Return the key of the conversion: the same key always means the same records."""
        key = self.spec.contract.conversion_key(self.snapshot)
        if not context.params.get(RECONVERT, False):
            return key
        return f"{key}-{naming.digest({'run': context.run.slug})}"

    def job_name(self, context: RunContext) -> str:
        """Return the job's name: runs that need the same conversion share its job."""
        return context.names(self.spec.name).conversion_job(self.key(context))

    def start(self, context: RunContext) -> str | None:
        """Return the job of this conversion; None if its records are complete already."""
        data_dir = self._data_dir(context)
        if context.storage.exists(data_dir + DatasetInfo.FILENAME):
            self.log.info("Nothing to convert: %s is complete", data_dir)
            return None
        self._waiting(context).enter()
        active = self.jobs(context).find_active(self.job_name(context))
        if active is not None:
            self.log.info("Adopted %s (%s)", active.id, self.job_name(context))
            job_id: str = active.id
            return job_id
        try:
            return self._submit(context)
        except BaseException:
            self._waiting(context).leave()
            raise

    def result(self, context: RunContext, job: str | None) -> Mapping[str, Any]:
        """Return the counts of records that were written and rejected.

        Raises:
            AirflowException: the job succeeded without a success marker, or there is nothing to train on or
                to validate.
        """
        data_dir = self._data_dir(context)
        if job is not None and not context.storage.exists(data_dir + DatasetInfo.FILENAME):
            raise AirflowException(f"{job} ended well, but {data_dir}{DatasetInfo.FILENAME} does not exist")
        self._waiting(context).leave()
        statistics = context.storage.read_artifact(data_dir, DatasetStatistics)
        records, rejected = dict(statistics.records), dict(statistics.rejected)
        counts = ", ".join(f"{count} {split}" for split, count in records.items())
        refused = ", ".join(f"{count} {reason}" for reason, count in rejected.items()) or "none"
        for split in (TRAIN_SPLIT, VALIDATION_SPLIT):
            if not records.get(split):
                raise AirflowFailException(
                    f"{data_dir}: expected records for {split}, received {counts}; rejected: {refused}"
                )
        note = (
            f"nothing to convert: snapshot {self.snapshot} is already at {data_dir}"
            if job is None
            else f"{counts}; rejected: {refused}"
        )
        self.log.info("%s (%s; rejected: %s)", data_dir, counts, refused)
        return {
            "data_dir": data_dir,
            "key": self.key(context),
            "job": job,
            "converted": job is not None,
            "records": records,
            "rejected": rejected,
            "note": note,
        }

    def measure(self, result: Mapping[str, Any]) -> None:
        """Record how many records were written and rejected."""
        for split, count in result["records"].items():
            self.record_gauge("records", count, split=split)
        self.record_gauge("rejected_records", sum(result["rejected"].values()))

    def track(self, run: TrackedRun, context: RunContext, result: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Add the records and how many there are."""
        counts = {**result["records"], "rejected": sum(result["rejected"].values())}
        run.log_metrics({f"records/{name}": count for name, count in counts.items()})
        run.set_tags({"data_dir": result["data_dir"]})

    def lineage(self, context: RunContext, result: Mapping[str, Any]) -> Lineage:
        """Return the raw data, and the records with their numbers."""
        records = lineage.folder(
            result["data_dir"],
            version=result["key"],
            records=sum(result["records"].values()),
            facets={"perennial_records": {name: result[name] for name in ("records", "rejected")}},
        )
        raw = context.names(self.spec.name).raw_folder(self.snapshot)
        return Lineage(inputs=[lineage.folder(raw, version=self.snapshot)], outputs=[records])

    def failure(self, job: str, status: JobStatus) -> AirflowException:
        """Return the error for a failed job; unusable data fails the task at once."""
        if self._context is not None:
            self._waiting(self._context).leave()
        for line in status.error.splitlines():
            if line.startswith(UNUSABLE_DATA):
                return AirflowFailException(line.partition(": ")[2])
        return super().failure(job, status)

    def cancel(self, context: RunContext) -> None:
        """Cancel the job of this conversion, unless another run waits for it, too."""
        jobs, others = self.jobs(context), self._waiting(context).leave()
        active = jobs.find_active(self.job_name(context))
        if active is not None and others:
            self.log.info("Leaving %s to %s", active.id, ", ".join(others))
        elif active is not None:
            self.log.info("Cancelling %s", active.id)
            jobs.cancel(active.id)

    def jobs(self, context: RunContext) -> DataflowJobs:
        """Return Dataflow's jobs."""
        return DataflowJobs(context.clients)

    def logs(self, context: RunContext, job: str, *, since: datetime) -> JobLogs:
        """Return the Dataflow job's log lines."""
        return JobLogs.of_dataflow_job(context.clients, job, since=since)

    def trigger(self, context: RunContext, arguments: Mapping[str, Any]) -> DataflowJobTrigger:
        """Return the trigger that waits for a Dataflow job."""
        folder = context.names(self.spec.name).waiting_folder(self.key(context))
        return DataflowJobTrigger(waiting_folder=folder, run=context.run.slug, **arguments)

    def _waiting(self, context: RunContext) -> WaitingRuns:
        folder = context.names(self.spec.name).waiting_folder(self.key(context))
        return WaitingRuns(context.storage, folder=folder, run=context.run.slug)

    def _data_dir(self, context: RunContext) -> str:
        return context.names(self.spec.name).tfrecord_folder(self.key(context))

    def _submit(self, context: RunContext) -> str | None:
        """Build the pipeline in a process of its own: Airflow never imports Beam.

        Returns:
            The job's id; None if another run completed the records just now.

        Raises:
            AirflowException: the pipeline could not be submitted; the message is the process's last lines.
        """
        with tempfile.TemporaryDirectory(prefix="perennial-") as folder:
            contract = Path(folder, FEATURES_FILENAME)
            contract.write_text(self.spec.contract.to_features_json(), encoding="utf-8")
            in_image = context.settings.infrastructure.dataflow.container_image
            packages = [] if in_image else _sdists(context, Path(folder))
            command = self._command(context, contract, packages)
            self.log.info("Submitting %s", self.job_name(context))
            with handed_on(context.clients.credentials, context.settings.project) as variables:
                changed = {**os.environ, **variables}
                done = subprocess.run(
                    command,
                    env={name: value for name, value in changed.items() if value},
                    capture_output=True,
                    text=True,
                    timeout=SUBMIT_SECONDS,
                    check=False,
                )
        for line in done.stderr.splitlines():
            self.log.info("| %s", line)
        if done.returncode != 0:
            raise AirflowException(
                f"{MODULE} exited with {done.returncode}: {' / '.join(done.stderr.splitlines()[-5:])}"
            )
        submitted = json.loads(done.stdout.splitlines()[-1])
        self.log.info("Started %s (%s)", submitted["job_id"], submitted["job_name"])
        job_id: str | None = submitted["job_id"]
        return job_id

    def _command(self, context: RunContext, contract: Path, packages: Sequence[Path]) -> list[str]:
        settings, names = context.settings, context.names(self.spec.name)
        # Labels without the run: the conversion belongs to every run that needs it.
        job_labels = {
            **settings.infrastructure.labels,
            **names.labels,
            naming.TASK_LABEL: self.task_id,
            naming.INPUTS_LABEL: self.key(context),
        }
        options = {
            "source": names.raw_folder(self.snapshot),
            "output-dir": self._data_dir(context),
            "contract": str(contract),
            "runner": "DataflowRunner",
            "project": settings.project,
            "region": settings.region,
            "job_name": self.job_name(context),
            "staging_location": naming.dataflow_folder(settings.bucket, "staging"),
            "temp_location": naming.dataflow_folder(settings.bucket, "temp"),
        }
        if settings.service_account:
            options["service_account_email"] = settings.service_account
        if endpoint := context.clients.extras.get("dataflow_endpoint"):
            options["dataflow_endpoint"] = endpoint
        workers = settings.infrastructure.dataflow
        command = shlex.split(workers.python) if workers.python else [sys.executable]
        command += ["-m", MODULE, "--no-wait"]
        command += [f"--{name}={value}" for name, value in options.items()]
        command += workers.options()
        if key := settings.infrastructure.kms_key:
            command.append(f"--dataflow_kms_key={key}")
        command += [f"--label={name}={value}" for name, value in job_labels.items()]
        command += [f"--extra_package={package}" for package in packages]
        return command


def _sdists(context: RunContext, folder: Path) -> list[Path]:
    """Return the packages that workers install, as local files; those of a bucket are downloaded.

    Raises:
        ConfigurationError: a package is missing, or there are several of one.
    """
    packages = context.settings.packages
    if packages.startswith("gs://"):
        root = packages.rstrip("/") + "/"
        for found in context.storage.list(root):
            # Folders below it are those of other commits.
            if "/" not in found.name and any(Path(found.name).match(pattern) for pattern in SDISTS):
                context.storage.download(root + found.name, str(folder / found.name))
    else:
        folder = Path(packages)
    files = [file for pattern in SDISTS for file in sorted(folder.glob(pattern))]
    if len(files) != len(SDISTS):
        raise ConfigurationError(
            f"PERENNIAL_PACKAGES: expected one file each of {SDISTS} in {packages}, "
            f"received {[file.name for file in files]}"
        )
    return files
