"""The chain's operators, run against the emulator as a worker would run them."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from retraining.bench import open_bench
from retraining.hooks.endpoints import Endpoints
from retraining.hooks.models import Models, ModelVersion
from retraining.operators.convert import ConvertToTFRecordOperator
from retraining.operators.model_version import CreateModelVersionOperator
from retraining.operators.promote import PromoteOperator
from retraining.operators.smoke import SmokePredictOperator
from retraining.operators.train import TrainOperator
from retraining.operators.upload import UploadDataOperator
from retraining.operators.validate import ValidateExportOperator

from dataset_contract import DataContract, DatasetSpec, GateSpec, TrainingSpec, image_features

IMAGES = Path(__file__).parents[2] / "images"
REGION = "us-central1"
POLL_SECONDS = 0.2

SPEC = DatasetSpec(
    contract=DataContract(name="flowers", record_format="image", features=image_features(("daisy", "roses"))),
    source="flowers",
    training=TrainingSpec(
        module="chain_trainer",
        arguments={"accuracy": 0.9, "served": "as trained", "until": "", "fail": ""},
    ),
    gate=GateSpec(metric="accuracy", direction="higher", threshold=0.7, baseline_margin=0.2),
)


class Proxy:
    """Between the chain and the emulator: loses answers, or ends a process's life at one of its writes."""

    def __init__(self, port: int) -> None:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy.handle(self)

            do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815, the names are http.server's

            def log_message(self, *arguments: object) -> None:
                pass

        self._target = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(timeout=60)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.mend()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._client.close()

    def mend(self) -> None:
        """Everything goes through again; writes are counted anew."""
        self.writes: list[str] = []
        self._lost = ""
        self._last_write: int | None = None
        self._broken = False

    def lose_answer(self, path_part: str) -> None:
        """The next write whose path has this part is done, but nobody hears of it."""
        self._lost = path_part

    def break_at_write(self, number: int) -> None:
        """The write of this number, from 1, is done, but from then on no request comes through."""
        self._last_write = number

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        write = handler.command != "GET" and not handler.path.partition("?")[0].endswith(
            (":predict", "entries:list")
        )
        if self._broken:
            return self._answer(handler, 403, b'{"error": {"code": 403, "message": "the process is dead"}}')
        answer = self._client.request(
            handler.command,
            self._target + handler.path,
            content=body,
            headers={"content-type": handler.headers.get("content-type", "application/json")},
        )
        if write:
            self.writes.append(f"{handler.command} {handler.path.partition('?')[0]}")
            self._broken = len(self.writes) == self._last_write
            if self._broken or (self._lost and self._lost in handler.path):
                self._lost = ""
                handler.close_connection = True
                return None
        return self._answer(handler, answer.status_code, answer.content)

    def _answer(self, handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@dataclass(frozen=True, kw_only=True)
class DagRun:
    """What of a DAG run the chain reads."""

    dag_id: str = "flowers_training"
    run_id: str = "manual__1"
    data_interval_end: datetime | None = None
    run_after: datetime = datetime(2026, 1, 31, tzinfo=UTC)


@dataclass(frozen=True)
class Chain:
    """One DAG run in a project and a bucket of its own."""

    emulator: Any
    proxy: Proxy
    project: str
    run: DagRun = field(default_factory=DagRun)
    params: Mapping[str, Any] = field(default_factory=dict)

    def other_run(self, run_id: str, **fields: Any) -> Chain:
        return replace(self, run=DagRun(run_id=run_id, **fields))

    def with_params(self, **params: Any) -> Chain:
        return replace(self, params=params)

    @property
    def bucket(self) -> str:
        return f"{self.project}-bucket"

    @property
    def context(self) -> dict[str, Any]:
        return {"dag_run": self.run, "params": {"promote": True, **self.params}}

    def execute(self, operator: Any) -> dict[str, Any]:
        result: dict[str, Any] = operator.execute(self.context)
        return result

    def upload(self, source: str = "") -> dict[str, Any]:
        return self.execute(UploadDataOperator(task_id="upload_data", spec=SPEC, source=source))

    def converter(self, snapshot: str, **kwargs: Any) -> ConvertToTFRecordOperator:
        return ConvertToTFRecordOperator(
            task_id="convert_to_tfrecord", spec=SPEC, snapshot=snapshot, **kwargs
        )

    def trainer(self, **kwargs: Any) -> TrainOperator:
        return TrainOperator(
            task_id="train", spec=SPEC, data_dir=f"gs://{self.bucket}/datasets/flowers/", **kwargs
        )

    def train(self) -> dict[str, Any]:
        return self.execute(self.trainer())

    def trained(self, **flags: Any) -> str:
        """The folder of a training run as a training job leaves it behind."""
        with open_bench(self.context) as bench:
            job_dir = f"gs://{self.bucket}/runs/flowers/{bench.run.slug}/"
        command = [sys.executable, str(IMAGES / "chain_trainer.py"), "--data_dir=d", f"--job_dir={job_dir}"]
        command += [f"--{name}={value}" for name, value in flags.items()]
        subprocess.run(command, check=True, env=self.emulator.environment)
        return job_dir

    def validate(self, job_dir: str) -> dict[str, Any]:
        return self.execute(ValidateExportOperator(task_id="validate_export", spec=SPEC, job_dir=job_dir))

    def create_version(self, job_dir: str) -> dict[str, Any]:
        operator = CreateModelVersionOperator(
            task_id="create_model_version",
            spec=SPEC,
            job_dir=job_dir,
            snapshot="0123456789abcdef",
            metrics={"accuracy": 0.9},
        )
        return self.execute(operator)

    def smoker(self, version: str, job_dir: str) -> SmokePredictOperator:
        return SmokePredictOperator(task_id="smoke_predict", spec=SPEC, version=version, job_dir=job_dir)

    def smoke(self, version: str, job_dir: str) -> dict[str, Any]:
        return self.execute(self.smoker(version, job_dir))

    def promote(self, version: str, job_dir: str, *, allowed: bool = True) -> dict[str, Any]:
        operator = PromoteOperator(
            task_id="promote",
            spec=SPEC,
            version=version,
            job_dir=job_dir,
            allowed=allowed,
            reasons=["Accuracy 0.9 is at least 0.7." if allowed else "Accuracy 0.6 is below 0.7."],
        )
        return self.execute(operator)

    def promoted(self, run_id: str, **fields: Any) -> str:
        """The version that another run has put into production."""
        other = self.other_run(run_id, **fields)
        job_dir = other.trained()
        version: str = other.create_version(job_dir)["name"]
        assert other.promote(version, job_dir)["promoted"]
        return version

    def file(self, uri: str) -> Path:
        path: Path = self.emulator.root / "buckets" / uri.removeprefix("gs://")
        return path

    def write(self, uri: str, text: str) -> None:
        self.file(uri).parent.mkdir(parents=True, exist_ok=True)
        self.file(uri).write_text(text)

    def jobs(self) -> list[Any]:
        """The project's training jobs, oldest first."""
        with open_bench(self.context) as bench:
            listed = list(bench.clients.custom_jobs.list_custom_jobs(parent=bench.clients.parent))
        return sorted(listed, key=lambda job: job.create_time)

    def versions(self) -> list[ModelVersion]:
        with open_bench(self.context) as bench:
            return Models(bench.clients, poll_seconds=POLL_SECONDS).versions("flowers")

    def serving(self, endpoint: str = "flowers") -> dict[str, int]:
        """What is on an endpoint: each deployment's version and its share of the requests."""
        with open_bench(self.context) as bench:
            found = Endpoints(bench.clients, poll_seconds=POLL_SECONDS).deployments(endpoint)
        shares = {deployment.version: deployment.traffic_percent for deployment in found}
        assert len(shares) == len(found), f"a version is deployed twice: {found}"
        return shares

    def fault(self, target: str, **fields: Any) -> None:
        url = f"http://127.0.0.1:{self.emulator.port}/_emulator/faults"
        httpx.post(url, json={"target": target, **fields}).raise_for_status()


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def proxy(emulator: Any) -> Iterator[Proxy]:
    """Between the chain and the emulator, so that requests and answers can be lost."""
    proxy = Proxy(emulator.port)
    yield proxy
    proxy.close()


@pytest.fixture
def chain(emulator: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chain]:
    """A run whose connection and settings are in the environment."""
    chain = Chain(emulator, proxy, f"retraining-{next(_numbers)}")
    chain.file(f"gs://{chain.bucket}/").mkdir(parents=True)
    proxy.mend()
    images = f"{REGION}-docker.pkg.dev/{chain.project}/perennial-tests"
    connection = {
        "conn_type": "google_cloud_platform",
        "extra": {
            "is_anonymous": True,
            "vertex_ai_endpoint": proxy.url,
            "dataflow_endpoint": emulator.url,
            "logging_endpoint": proxy.url,
        },
    }
    variables = {
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(connection),
        "STORAGE_EMULATOR_HOST": emulator.url,
        "PERENNIAL_PROJECT": chain.project,
        "PERENNIAL_REGION": REGION,
        "PERENNIAL_BUCKET": chain.bucket,
        "PERENNIAL_PACKAGES": "/nowhere",
        "PERENNIAL_TRAINER_IMAGE": f"{images}/chain_trainer:0.1.0",
        "PERENNIAL_SERVING_IMAGE": f"{images}/chain_server:0.1.0",
        "PERENNIAL_POLL_SECONDS": str(POLL_SECONDS),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield chain
    proxy.mend()
    faults = f"http://127.0.0.1:{emulator.port}/_emulator/faults"
    left = httpx.get(faults).json()["faults"]
    httpx.delete(faults).raise_for_status()
    with open_bench(chain.context) as bench:
        endpoints = Endpoints(bench.clients, poll_seconds=POLL_SECONDS)
        for endpoint in ("flowers", "flowers-candidate"):
            endpoints.clear(endpoint, report=lambda _: None)
    assert not left, "a fault that was asked for did not happen"
