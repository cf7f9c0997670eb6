"""Runner of a job's staged pipeline: Beam's own FnApiRunner.

python -m emulator.dataflow.run_pipeline JOB_DIRECTORY

One worker runs in this process, several are SDK harnesses of their own. The runner tries each bundle once.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import shlex
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

import apache_beam
from apache_beam.metrics.metric import MetricResults
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_provision_api_pb2, beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineResult
from apache_beam.runners.worker import sdk_worker_main

from emulator.dataflow.events import EventLog, Importance, JobState, now
from emulator.dataflow.submission import PIPELINE_FILENAME, Submission

# Options that only steer the client, or that Beam's parser doesn't know.
_CLIENT_OPTIONS = frozenset({"pipelineUrl", "pipelineProtoHash", "display_data", "runner"})
_SDK_BASE = "beam:version:sdk_base:"
_HARNESS_MODULE = "apache_beam.runners.worker.sdk_worker_main"


class ForeignEnvironmentError(Exception):
    """A step of the pipeline needs an SDK other than Python's."""


def main(directory: Path) -> NoReturn:
    """Run the job in this folder and exit with its status."""
    submission = Submission.read(directory)
    log_to_stderr(submission.job_id)
    events = EventLog(directory)
    # A harness that dies leaves the runner waiting for it: its thread's exception is then the only sign.
    threading.excepthook = lambda failure: _fail(events, failure.exc_value)
    try:
        run(submission, directory, events)
    except BaseException as error:
        _fail(events, error)
    # Threads of finished harnesses must not hold the process.
    sys.stdout.flush()
    os._exit(0)


def run(submission: Submission, directory: Path, events: EventLog) -> None:
    """Run the pipeline to its end; the progress goes to the events.

    Raises:
        ForeignEnvironmentError: a step needs another SDK than Python's.
        Exception: whatever the pipeline's own code raises.
    """
    workers = min(submission.num_workers, os.cpu_count() or 1)
    for warning in version_warnings(submission):
        events.add_message(warning, importance=Importance.WARNING)
    pipeline = beam_runner_api_pb2.Pipeline.FromString((directory / PIPELINE_FILENAME).read_bytes())
    replace_environments(pipeline, workers=workers)
    options = {name: value for name, value in submission.options.items() if name not in _CLIENT_OPTIONS}
    if workers == 1:
        # What an SDK harness sets up before its first bundle, and no more: logging levels, file systems,
        # pickler, main session, plugins.
        harness = {"PIPELINE_OPTIONS": json.dumps(options), "CONTROL_API_SERVICE_DESCRIPTOR": "",
                   "SEMI_PERSISTENT_DIRECTORY": str(directory)}  # fmt: skip
        sdk_worker_main.create_harness(harness, dry_run=True)
    beam_options = PipelineOptions.from_dictionary(options)
    encoded = JobServiceHandle.encode_pipeline_options(beam_options.get_all_options())
    provision = fn_runner.ExtendedProvisionInfo(
        beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded), job_name=submission.job_name
    )
    runner = fn_runner.FnApiRunner(provision_info=provision)
    # `run_via_runner_api` reads no option for it.
    runner._num_workers = workers
    events.change_state(JobState.RUNNING)
    events.add_message(f"Running with {workers} worker{'s' if workers > 1 else ''}.")
    result = runner.run_via_runner_api(pipeline, beam_options)
    result.wait_until_finish()
    events.set_metrics(metric_updates(result, time=now()))
    events.change_state(JobState.DONE)


def replace_environments(pipeline: beam_runner_api_pb2.Pipeline, *, workers: int) -> None:
    """Run steps on this machine instead of in the containers that the client named.

    Raises:
        ForeignEnvironmentError: a step needs another SDK than Python's.
    """
    for environment in pipeline.components.environments.values():
        for capability in environment.capabilities:
            if capability.startswith(_SDK_BASE) and "python" not in capability:
                raise ForeignEnvironmentError(
                    f"environments: expected Python's SDK only, received {capability.removeprefix(_SDK_BASE)}"
                )
        del environment.dependencies[:]
        if workers > 1:
            environment.urn = python_urns.SUBPROCESS_SDK
            environment.payload = f"{shlex.quote(sys.executable)} -P -m {_HARNESS_MODULE}".encode()
        else:
            environment.urn = python_urns.EMBEDDED_PYTHON
            environment.payload = b""


def version_warnings(submission: Submission) -> list[str]:
    """Return warnings about versions that differ from the client's: pickled code may not survive that."""
    python = ".".join(platform.python_version_tuple()[:2])
    expected_name = f"Apache Beam Python {python} SDK"
    warnings = []
    if submission.sdk_version not in ("", apache_beam.__version__):
        warnings.append(f"Submitted with Beam {submission.sdk_version}, run with {apache_beam.__version__}.")
    if submission.sdk_name not in ("", expected_name):
        warnings.append(f"Submitted with {submission.sdk_name}, run with {expected_name}.")
    return warnings


def _fail(events: EventLog, error: BaseException | None) -> NoReturn:
    events.add_message("".join(traceback.format_exception(error)), importance=Importance.ERROR)
    events.change_state(JobState.FAILED)
    sys.stdout.flush()
    os._exit(1)


def metric_updates(result: PipelineResult, *, time: str) -> list[dict[str, Any]]:
    """Return the user's counters, distributions and string sets, each once committed and once tentative.

    Args:
        result: a finished pipeline.
        time: RFC 3339, written into every update.
    """
    found = result.metrics().query()
    updates = []
    for kind, convert in (
        (MetricResults.COUNTERS, _counter),
        (MetricResults.DISTRIBUTIONS, _distribution),
        (MetricResults.STRINGSETS, _string_set),
    ):
        for metric in found[kind]:
            context = {"step": metric.key.step, "namespace": metric.key.metric.namespace}
            for extra in ({}, {"tentative": "true"}):
                name = {
                    "origin": "user",
                    "name": metric.key.metric.name,
                    "context": {**context, **extra},
                }
                updates.append({"name": name, **convert(metric.result), "updateTime": time})
    return updates


def _counter(value: Any) -> dict[str, Any]:
    return {"kind": "Sum", "scalar": value}


def _distribution(value: Any) -> dict[str, Any]:
    return {
        "kind": "Distribution",
        "distribution": {
            "count": value.count, "sum": value.sum, "min": value.min, "max": value.max, "mean": value.mean,
        },
    }  # fmt: skip


def _string_set(value: Any) -> dict[str, Any]:
    return {"kind": "Set", "set": sorted(value)}


class JsonFormatter(logging.Formatter):
    """Formatter of one JSON object a line; a traceback is part of the message."""

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self._job_id = job_id

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a JSON object on one line."""
        fields: dict[str, Any] = {
            "severity": record.levelname,
            "message": super().format(record),
            "logger": f"{record.pathname}:{record.lineno}",
            "thread": record.threadName,
            "job": self._job_id,
            "worker": f"worker-{record.process}",
        }
        return json.dumps(fields)


def log_to_stderr(job_id: str) -> None:
    """Log all records of this process to its standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(job_id))
    # google-auth asks Google's own host, in the background, which regions an account is bound to.
    handler.addFilter(lambda record: "/allowedLocations" not in record.getMessage())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
