"""Google's Vertex AI clients, pointed at an emulator, with the requests that tests share."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from google.cloud import aiplatform_v1
from google.protobuf import json_format, struct_pb2

BUCKET = "vertex-contract"
WAIT_SECONDS = 60
OVER = {
    aiplatform_v1.JobState.JOB_STATE_SUCCEEDED,
    aiplatform_v1.JobState.JOB_STATE_FAILED,
    aiplatform_v1.JobState.JOB_STATE_CANCELLED,
}


def read_from(*uris: str, instances_format: str = "jsonl") -> dict[str, Any]:
    """The InputConfig of a batch prediction job."""
    return {"instances_format": instances_format, "gcs_source": {"uris": list(uris)}}


class Vertex:
    """The clients of one emulator, and the requests that most tests make."""

    def __init__(self, emulator: Any, project: str) -> None:
        self.emulator = emulator
        self.project = project
        self.parent = f"projects/{project}/locations/us-central1"
        self._numbers = itertools.count()

    def client(self, service: str) -> Any:
        return getattr(aiplatform_v1, f"{service}Client")(
            transport="rest",
            credentials=self.emulator.credentials,
            client_options={"api_endpoint": f"http://127.0.0.1:{self.emulator.port}"},
        )

    @cached_property
    def jobs(self) -> Any:
        return self.client("JobService")

    @cached_property
    def models(self) -> Any:
        return self.client("ModelService")

    @cached_property
    def endpoints(self) -> Any:
        return self.client("EndpointService")

    @cached_property
    def predictions(self) -> Any:
        return self.client("PredictionService")

    def file(self, uri: str) -> Path:
        return self.emulator.root / "buckets" / uri.removeprefix("gs://")

    def write(self, uri: str, text: str) -> None:
        self.file(uri).parent.mkdir(parents=True, exist_ok=True)
        self.file(uri).write_text(text)

    def container_pool(self, *args: str, image: str = "little_trainer", replicas: int = 1) -> dict[str, Any]:
        image_uri = f"us-docker.pkg.dev/{self.project}/perennial-tests/{image}:0.1"
        return {
            "machine_spec": {"machine_type": "n1-standard-4"},
            "replica_count": replicas,
            "container_spec": {
                "image_uri": image_uri,
                "args": list(args),
                "env": [{"name": "COLOUR", "value": "blue"}],
            },
        }

    def create_job(self, *args: str, pools: Any = None, spec: Any = None, **fields: Any) -> Any:
        job_spec = {"worker_pool_specs": pools or [self.container_pool(*args)], **(spec or {})}
        job = aiplatform_v1.CustomJob(**{"display_name": "little", "job_spec": job_spec, **fields})
        return self.jobs.create_custom_job(parent=self.parent, custom_job=job)

    def wait_for_job(
        self, name: str, condition: Callable[[Any], bool] = lambda job: job.state in OVER
    ) -> Any:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition(job := self.jobs.get_custom_job(name=name)):
            assert time.monotonic() < deadline, f"{name} is still {job.state.name}"
            time.sleep(0.05)
        return job

    def run_job(self, *args: str, **fields: Any) -> Any:
        return self.wait_for_job(self.create_job(*args, **fields).name)

    def is_running(self, job: Any) -> bool:
        return job.state == aiplatform_v1.JobState.JOB_STATE_RUNNING

    def log_lines(self, job: Any, replica: str = "workerpool0-0") -> list[str]:
        from emulator.processes import Process

        directory = self.emulator.root / "jobs" / job.name.rpartition("/")[2] / replica
        return Process(directory).last_lines(100)

    def batch_job(self, model: str, *lines: str, **fields: Any) -> dict[str, Any]:
        """A batch prediction job for the lines of a new file."""
        folder = f"gs://{BUCKET}/{self.project}/batch-{next(self._numbers)}"
        self.write(f"{folder}/in/a.jsonl", "".join(f"{line}\n" for line in lines))
        return {
            "display_name": "nightly",
            "model": model,
            "input_config": read_from(f"{folder}/in/*.jsonl"),
            "output_config": {
                "predictions_format": "jsonl",
                "gcs_destination": {"output_uri_prefix": f"{folder}/out"},
            },
            "dedicated_resources": {"machine_spec": {"machine_type": "n1-standard-2"}},
            **fields,
        }

    def create_batch_job(self, job: dict[str, Any]) -> Any:
        return self.jobs.create_batch_prediction_job(parent=self.parent, batch_prediction_job=job)

    def wait_for_batch_job(
        self, name: str, condition: Callable[[Any], bool] = lambda job: job.state in OVER
    ) -> Any:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition(job := self.jobs.get_batch_prediction_job(name=name)):
            assert time.monotonic() < deadline, f"{name} is still {job.state.name}"
            time.sleep(0.05)
        return job

    def model(self, weights: str = "good", **fields: Any) -> Any:
        folder = f"gs://{BUCKET}/{self.project}/model-{next(self._numbers)}"
        self.write(f"{folder}/weights", weights)
        spec = {
            "image_uri": f"us-docker.pkg.dev/{self.project}/perennial-tests/little_server:0.1",
            "predict_route": "/predict",
            "health_route": "/health",
        }
        return aiplatform_v1.Model(
            **{"display_name": "flowers", "artifact_uri": folder, "container_spec": spec, **fields}
        )

    def upload(self, weights: str = "good", *, request: Any = None, **fields: Any) -> Any:
        request = {"parent": self.parent, "model": self.model(weights, **fields), **(request or {})}
        return self.models.upload_model(request=request).result(timeout=WAIT_SECONDS)

    def create_endpoint(self, endpoint_id: str = "") -> Any:
        request = {"parent": self.parent, "endpoint": {"display_name": "e"}, "endpoint_id": endpoint_id}
        return self.endpoints.create_endpoint(request=request).result(timeout=WAIT_SECONDS)

    def begin_deploy(self, endpoint: str, model: str, traffic: Any = None) -> Any:
        deployed = {
            "model": model,
            "dedicated_resources": {
                "machine_spec": {"machine_type": "n1-standard-2"},
                "min_replica_count": 1,
            },
        }
        return self.endpoints.deploy_model(endpoint=endpoint, deployed_model=deployed, traffic_split=traffic)

    def deploy(self, endpoint: str, model: str, traffic: Any = None) -> Any:
        return self.begin_deploy(endpoint, model, traffic).result(timeout=WAIT_SECONDS).deployed_model

    def undeploy(self, endpoint: str, deployed_model_id: str, traffic: Any = None) -> None:
        self.endpoints.undeploy_model(
            endpoint=endpoint, deployed_model_id=deployed_model_id, traffic_split=traffic
        ).result(timeout=WAIT_SECONDS)

    def predict(self, endpoint: str, *instances: Any) -> Any:
        values = [json_format.ParseDict(instance, struct_pb2.Value()) for instance in instances]
        return self.predictions.predict(endpoint=endpoint, instances=values)
