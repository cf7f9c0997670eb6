"""Batch prediction jobs: JobService's methods, and the thread that runs each job.

A server of the model is started, as for a deployment, and gets the instances in batches.
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from google.protobuf import empty_pb2, json_format
from google.rpc import code_pb2

from emulator.config import Config
from emulator.errors import ApiError, InvalidArgument, Unimplemented
from emulator.iam import require_act_as
from emulator.state import State
from emulator.storage.names import uri_path
from emulator.vertex.batch_files import BatchOutput, Instance, InstanceShape, find_files, read_instances
from emulator.vertex.codec import to_protobuf
from emulator.vertex.containers import server_spec
from emulator.vertex.gapic import types
from emulator.vertex.jobs import SUCCEEDED, JobResult, Jobs, JobThread, failed
from emulator.vertex.machines import check_machine
from emulator.vertex.names import check_display_name, check_labels, id_of, location_of
from emulator.vertex.operations import Operations
from emulator.vertex.paths import check_folder_uri, check_object_uri, child_path, remove_child
from emulator.vertex.registry import ModelRegistry
from emulator.vertex.resources import Resources
from emulator.vertex.servers import ModelServer, ServerError

KIND = "batchPredictionJobs"
FORMAT = "jsonl"
"""The one format of instances and predictions; models in the registry say so."""

_BATCH_SIZE = 64
_TIMEOUT_SECONDS = 600.0
_UNSUPPORTED = {
    "bigquery_source": "input_config", "vertex_multimodal_dataset_source": "input_config",
    "bigquery_destination": "output_config", "vertex_multimodal_dataset_destination": "output_config",
}  # fmt: skip


class BatchPredictionThread(JobThread):
    """Thread of one batch prediction job; begun anew after a kill of the emulator."""

    def __init__(
        self,
        config: Config,
        registry: ModelRegistry,
        directory: Path,
        jobs: Resources,
        name: str,
        *,
        on_end: Callable[[], Any],
    ) -> None:
        """Create the thread without starting it.

        Args:
            config: the emulator's.
            registry: has the model.
            directory: the job's folder.
            jobs: the store of batch prediction jobs.
            name: the job's resource name.
            on_end: called when the thread ends.
        """
        super().__init__(jobs, name, on_end=on_end)
        self._config = config
        self._registry = registry
        self._directory = directory
        self._interruption = threading.Event()

    def wake(self) -> None:
        """Make the thread check the job's state at once, in the start of its server too."""
        self._interruption.set()
        super().wake()

    def stop(self) -> None:
        """End the job because the emulator stops."""
        self._interruption.set()
        super().stop()

    def execute(self) -> JobResult:
        """Predict every instance."""
        job = self._jobs.get(self._job_name)
        try:
            files = find_files(self._config.buckets, job.input_config.gcs_source.uris)
            self._directory.mkdir(parents=True, exist_ok=True)
            with self._server(job) as url, BatchOutput(self._directory) as output:
                self.mark_running(datetime.now(UTC))
                instances = read_instances(files, InstanceShape.of(job.instance_config))
                result = self._predict(job, instances, url, output)
            self._publish(job, output)
        except ServerError as error:
            return failed(code_pb2.INVALID_ARGUMENT, error.message)
        except ApiError as error:
            return self.interrupted() or failed(code_pb2.Code.Value(error.status), error.message)
        return result

    @contextmanager
    def _server(self, job: Any) -> Iterator[str]:
        """Start the model's server and give its URL for predictions."""
        model = self._registry.version(f"{job.model}@{job.model_version_id}")
        deployed = types.DeployedModel(
            id=id_of(job.name),
            service_account=job.service_account,
            dedicated_resources={"machine_spec": job.dedicated_resources.machine_spec},
        )
        server = ModelServer(
            child_path(self._directory, "server"), server_spec(self._config, job.name, deployed, model)
        )
        server.deploy(self._interruption)
        try:
            yield str(server.predict_url)
        finally:
            server.stop()

    def _predict(self, job: Any, instances: Iterator[Instance], url: str, output: BatchOutput) -> JobResult:
        size = job.manual_batch_tuning_parameters.batch_size or _BATCH_SIZE
        parameters = json_format.MessageToDict(to_protobuf(job).model_parameters) or None
        # trust_env: a proxy of the environment has no way to the loopback interface.
        with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            for batch in _batches(instances, size):
                if result := self.interrupted():
                    return result
                for instance in batch:
                    if instance.error:
                        output.refuse(instance, instance.error)
                whole = [instance for instance in batch if not instance.error]
                if whole:
                    _send(client, url, whole, parameters, output)
        if output.failed and not output.succeeded:
            return failed(code_pb2.INVALID_ARGUMENT, f"All {output.failed} instances failed.")
        return SUCCEEDED

    def _publish(self, job: Any, output: BatchOutput) -> None:
        folder = _output_folder(job)
        output.publish(uri_path(self._config.buckets, f"{folder}/{output.RESULTS}").parent)

        def change(current: Any) -> None:
            current.output_info = types.BatchPredictionJob.OutputInfo(gcs_output_directory=folder)
            current.completion_stats = types.CompletionStats(
                successful_count=output.succeeded, failed_count=output.failed
            )

        self._jobs.change(self._job_name, change)


class BatchPredictionJobs:
    """JobService's methods for batch prediction jobs."""

    def __init__(self, config: Config, state: State, registry: ModelRegistry, operations: Operations) -> None:
        self._config = config
        self._registry = registry
        self._operations = operations
        self._jobs = Jobs(state, KIND, types.BatchPredictionJob, self._make_thread)

    @property
    def calls(self) -> Mapping[str, Callable[[Any], Any]]:
        """Handlers by the name of the method."""
        return {
            "JobService.CreateBatchPredictionJob": self.create,
            "JobService.GetBatchPredictionJob": lambda request: self._jobs.get(request.name),
            "JobService.ListBatchPredictionJobs": self.list,
            "JobService.CancelBatchPredictionJob": self.cancel,
            "JobService.DeleteBatchPredictionJob": self.delete,
        }

    def start(self) -> None:
        """Begin anew the jobs that an earlier process left unfinished."""
        self._jobs.start()

    def stop(self) -> None:
        """Stop all running jobs."""
        self._jobs.stop()

    def create(self, request: Any) -> Any:
        """JobService.CreateBatchPredictionJob."""
        job = types.BatchPredictionJob(request.batch_prediction_job)
        _check(job)
        model = self._registry.version(job.model)
        job.model, job.model_version_id = model.name, model.version_id
        require_act_as(job.service_account)
        self._jobs.add(request.parent, job)
        self._jobs.run(job.name)
        return job

    def list(self, request: Any) -> Any:
        """JobService.ListBatchPredictionJobs: newest first."""
        page, token = self._jobs.page(request)
        return types.ListBatchPredictionJobsResponse(batch_prediction_jobs=page, next_page_token=token)

    def cancel(self, request: Any) -> Any:
        """JobService.CancelBatchPredictionJob: what is predicted stays; a finished job stays as it is."""
        self._jobs.cancel(request.name)
        return empty_pb2.Empty()

    def delete(self, request: Any) -> Any:
        """JobService.DeleteBatchPredictionJob: only of a finished job; its output stays."""
        name = request.name
        self._jobs.check_finished(name)

        def work(_cancelled: threading.Event) -> Any:
            self._jobs.delete(name)
            remove_child(self._config.jobs, id_of(name))
            return empty_pb2.Empty()

        return self._operations.begin(location_of(name), types.DeleteOperationMetadata(), work)

    def _make_thread(
        self, resources: Resources, name: str, on_end: Callable[[], Any]
    ) -> BatchPredictionThread:
        directory = child_path(self._config.jobs, id_of(name))
        return BatchPredictionThread(self._config, self._registry, directory, resources, name, on_end=on_end)


def _check(job: Any) -> None:
    check_display_name(job.display_name, "display_name")
    check_labels(dict(job.labels), "labels")
    for field, holder in _UNSUPPORTED.items():
        if field in getattr(job, holder):
            raise Unimplemented(f"{holder}.{field}: not emulated, expected Cloud Storage.")
    if "unmanaged_container_model" in job or job.generate_explanation:
        raise Unimplemented("unmanaged_container_model, generate_explanation: not emulated.")
    for field, value in (
        ("input_config.instances_format", job.input_config.instances_format),
        ("output_config.predictions_format", job.output_config.predictions_format),
    ):
        if value != FORMAT:
            raise InvalidArgument(
                f"{field}: expected a format that the model supports, {FORMAT!r}, received {value!r}"
            )
    if not job.input_config.gcs_source.uris:
        raise InvalidArgument("input_config.gcs_source.uris: expected at least one, received none")
    for uri in job.input_config.gcs_source.uris:
        check_object_uri(uri, "input_config.gcs_source.uris")
    check_folder_uri(
        job.output_config.gcs_destination.output_uri_prefix,
        "output_config.gcs_destination.output_uri_prefix",
    )
    check_machine(job.dedicated_resources.machine_spec, "dedicated_resources.machine_spec", training=False)
    InstanceShape.of(job.instance_config)


def _batches(instances: Iterator[Instance], size: int) -> Iterator[Sequence[Instance]]:
    while batch := list(islice(instances, size)):
        yield batch


def _send(
    client: httpx.Client, url: str, batch: Sequence[Instance], parameters: Any, output: BatchOutput
) -> None:
    """Predict a batch; the server's refusal is that of every instance in it."""
    body: dict[str, Any] = {"instances": [instance.sent for instance in batch]}
    if parameters is not None:
        body["parameters"] = parameters
    try:
        answer = client.post(url, json=body)
        predictions = answer.json()["predictions"] if answer.is_success else None
    except (httpx.TransportError, ValueError, KeyError, TypeError) as error:
        for instance in batch:
            output.refuse(instance, f"The server gave no predictions: {error}", code_pb2.INTERNAL)
        return
    if predictions is None:
        for instance in batch:
            output.refuse(instance, f"{answer.status_code}: {answer.text[:1000]}")
    elif not isinstance(predictions, list) or len(predictions) != len(batch):
        received = len(predictions) if isinstance(predictions, list) else type(predictions).__name__
        for instance in batch:
            message = f"predictions: expected {len(batch)}, received {received}"
            output.refuse(instance, message, code_pb2.INTERNAL)
    else:
        for instance, prediction in zip(batch, predictions, strict=True):
            output.add(instance, prediction)


def _output_folder(job: Any) -> str:
    """Return the URI of the job's folder, as the service names it for custom models."""
    created = job.create_time.strftime("%Y_%m_%dT%H_%M_%S")
    milliseconds = f"{job.create_time.microsecond // 1000:03d}Z"
    prefix = job.output_config.gcs_destination.output_uri_prefix.rstrip("/")
    return f"{prefix}/prediction-{id_of(job.model)}-{created}_{milliseconds}"
