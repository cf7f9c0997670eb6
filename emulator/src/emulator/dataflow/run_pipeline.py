"""Runs a job's staged pipeline with Beam's own FnApiRunner.

python -m emulator.dataflow.run_pipeline JOB_DIRECTORY

One worker runs in this process, several are SDK harnesses of their own. The runner tries each bundle once.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn

import apache_beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_provision_api_pb2, beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.worker import sdk_worker_main

from emulator.dataflow import states
from emulator.dataflow.events import EventLog, now
from emulator.dataflow.metrics import metric_updates
from emulator.dataflow.submission import PIPELINE_FILENAME, Submission
from emulator.dataflow.worker_log import log_to_stderr

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
    """Run the pipeline to its end; events tell how it went.

    Raises:
        ForeignEnvironmentError: a step needs another SDK than Python's.
        Exception: whatever the pipeline's own code raises.
    """
    workers = min(submission.num_workers, os.cpu_count() or 1)
    for warning in version_warnings(submission):
        events.tell(warning, importance=states.WARNING)
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
    events.change_state(states.RUNNING)
    events.tell(f"Running with {workers} worker{'s' if workers > 1 else ''}.")
    result = runner.run_via_runner_api(pipeline, beam_options)
    result.wait_until_finish()
    events.set_metrics(metric_updates(result, time=now()))
    events.change_state(states.DONE)


def replace_environments(pipeline: beam_runner_api_pb2.Pipeline, *, workers: int) -> None:
    """Let steps run on this machine instead of in the containers that the client named.

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
    """Where the client's versions aren't those that the job runs with: pickled code may not survive that."""
    python = ".".join(platform.python_version_tuple()[:2])
    expected_name = f"Apache Beam Python {python} SDK"
    warnings = []
    if submission.sdk_version not in ("", apache_beam.__version__):
        warnings.append(f"Submitted with Beam {submission.sdk_version}, run with {apache_beam.__version__}.")
    if submission.sdk_name not in ("", expected_name):
        warnings.append(f"Submitted with {submission.sdk_name}, run with {expected_name}.")
    return warnings


def _fail(events: EventLog, error: BaseException | None) -> NoReturn:
    events.tell("".join(traceback.format_exception(error)), importance=states.ERROR)
    events.change_state(states.FAILED)
    sys.stdout.flush()
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
