"""One run of the chain: its operators against the emulator, executed as a worker would execute them."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from contract import (
    DataContract,
    DatasetSpec,
    GateSpec,
    Search,
    TrainingSpec,
    TuningSpec,
    image_features,
)
from contract.history import HistoryEvent
from lossy_proxy import LossyProxy
from retraining.context import run_context
from retraining.google.endpoints import Endpoints
from retraining.google.models import Models, ModelVersion
from retraining.history import History
from retraining.operators.convert import ConvertToTFRecordOperator
from retraining.operators.model_version import (
    CreateModelVersionOperator,
    SmokePredictOperator,
    ValidateExportOperator,
)
from retraining.operators.promote import PromoteOperator
from retraining.operators.train import TrainOperator, TuneOperator
from retraining.operators.upload import UploadDataOperator
from retraining.rollback import ReleaseDesk, decide

IMAGES = Path(__file__).parents[1] / "images"
REGION = "us-central1"
POLL_SECONDS = 0.2
SNAPSHOT = "0123456789abcdef"

SPEC = DatasetSpec(
    contract=DataContract(name="flowers", record_format="image", features=image_features(("daisy", "roses"))),
    source="flowers",
    training=TrainingSpec(
        module="chain_trainer",
        arguments={"accuracy": 0.9, "served": "as trained", "until": "", "fail": ""},
        scoring_module="chain_trainer",
        tuning=TuningSpec(parameters={"accuracy": Search(minimum=0.5, maximum=0.95)}),
    ),
    gate=GateSpec(metric="accuracy", direction="higher", threshold=0.7, baseline_margin=0.2),
)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def picture(seed: int) -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (24, 16), (seed * 4, 99, 255 - seed * 4)).save(encoded, "JPEG")
    return encoded.getvalue()


@dataclass(frozen=True, kw_only=True)
class DagRun:
    """Part of a DAG run that the chain reads."""

    dag_id: str = "flowers_training"
    run_id: str = "manual__1"
    run_type: str = "manual"
    logical_date: datetime | None = None
    data_interval_end: datetime | None = None
    run_after: datetime = datetime(2026, 1, 31, tzinfo=UTC)
    clear_number: int = 0


class TaskInstance:
    """Part of a task instance that the chain writes."""

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}
        self.rescheduled: datetime | None = None

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return self.rescheduled


@dataclass(frozen=True)
class Chain:
    """One DAG run in a project and a bucket of its own."""

    emulator: Any
    proxy: LossyProxy
    project: str
    run: DagRun = field(default_factory=DagRun)
    params: Mapping[str, Any] = field(default_factory=dict)
    spec: DatasetSpec = SPEC
    task: TaskInstance = field(default_factory=TaskInstance)

    def other_run(self, run_id: str, **fields: Any) -> Chain:
        return replace(self, run=DagRun(run_id=run_id, **fields))

    def with_params(self, **params: Any) -> Chain:
        return replace(self, params=params)

    def with_spec(self, **changes: Any) -> Chain:
        return replace(self, spec=replace(self.spec, **changes))

    @property
    def bucket(self) -> str:
        return f"{self.project}-bucket"

    @property
    def context(self) -> dict[str, Any]:
        return {"dag_run": self.run, "params": {"promote": True, **self.params}, "ti": self.task}

    def fill(self, pictures: list[bytes]) -> None:
        """Raw pictures under the snapshot's name."""
        raw = self.file(f"gs://{self.bucket}/datasets/flowers/raw/{SNAPSHOT}")
        for number, content in enumerate(pictures):
            path = raw / ("daisy", "roses")[number % 2] / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def execute(self, operator: Any) -> dict[str, Any]:
        result: dict[str, Any] = operator.execute(self.context)
        return result

    def upload(self, source: str = "") -> dict[str, Any]:
        return self.execute(UploadDataOperator(task_id="upload_data", spec=self.spec, source=source))

    def converter(self, snapshot: str, **kwargs: Any) -> ConvertToTFRecordOperator:
        return ConvertToTFRecordOperator(
            task_id="convert_to_tfrecord", spec=self.spec, snapshot=snapshot, **kwargs
        )

    def trainer(self, **kwargs: Any) -> TrainOperator:
        return TrainOperator(
            task_id="train",
            spec=self.spec,
            snapshot=SNAPSHOT,
            data_dir=f"gs://{self.bucket}/datasets/flowers/",
            **kwargs,
        )

    def train(self, **kwargs: Any) -> dict[str, Any]:
        return self.execute(self.trainer(**kwargs))

    def tuner(self, **kwargs: Any) -> TuneOperator:
        return TuneOperator(
            task_id="tune",
            spec=self.spec,
            snapshot=SNAPSHOT,
            data_dir=f"gs://{self.bucket}/datasets/flowers/",
            **kwargs,
        )

    def tune(self) -> dict[str, Any]:
        return self.execute(self.tuner())

    def trained(self, **flags: Any) -> str:
        """The folder of a training run as a training job leaves it behind."""
        with run_context(self.context) as context:
            names = context.names(self.spec.name)
            job_dir = f"{names.run_folder(context.run.slug)}train/{secrets.token_hex(4)}/"
        command = [sys.executable, str(IMAGES / "chain_trainer.py"), "--data_dir=d", f"--job_dir={job_dir}"]
        command += [f"--{name}={value}" for name, value in flags.items()]
        subprocess.run(command, check=True, env=self.emulator.environment)
        return job_dir

    def validate(self, job_dir: str, snapshot: str = "") -> dict[str, Any]:
        operator = ValidateExportOperator(
            task_id="validate_export", spec=self.spec, job_dir=job_dir, snapshot=snapshot
        )
        return self.execute(operator)

    def create_version(self, job_dir: str, data_until: str = "", snapshot: str = "") -> dict[str, Any]:
        """A version of the folder's model; each run has data of its own unless it says otherwise."""
        operator = CreateModelVersionOperator(
            task_id="create_model_version",
            spec=self.spec,
            job_dir=job_dir,
            snapshot=snapshot or hashlib.sha256(self.run.run_id.encode()).hexdigest()[:16],
            data_until=data_until or self.run.run_after.isoformat(),
            metrics={"accuracy": 0.9},
        )
        return self.execute(operator)

    def smoker(self, version: str, job_dir: str, **kwargs: Any) -> SmokePredictOperator:
        return SmokePredictOperator(
            task_id="smoke_predict", spec=self.spec, version=version, job_dir=job_dir, **kwargs
        )

    def smoke(self, version: str, job_dir: str) -> dict[str, Any]:
        return self.execute(self.smoker(version, job_dir))

    def promote(
        self,
        version: str,
        job_dir: str,
        *,
        allowed: bool = True,
        approval: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        operator = PromoteOperator(
            task_id="promote",
            spec=self.spec,
            version=version,
            job_dir=job_dir,
            allowed=allowed,
            reasons=["Accuracy 0.9 is at least 0.7." if allowed else "Accuracy 0.6 is below 0.7."],
            data_dir=f"gs://{self.bucket}/datasets/flowers/",
            approval=approval,
        )
        return self.execute(operator)

    def whole(self, source: str) -> dict[str, Any]:
        """Take a source through all tasks, its records written beforehand; the operators as they ended."""
        results, operators = {}, {}

        def execute(kind: type[Any], task_id: str, **arguments: Any) -> dict[str, Any]:
            operators[task_id] = kind(task_id=task_id, spec=self.spec, **arguments)
            results[task_id] = self.execute(operators[task_id])
            return results[task_id]

        snapshot = execute(UploadDataOperator, "upload_data", source=source)["snapshot"]
        with run_context(self.context) as context:
            key = self.spec.contract.conversion_key(snapshot)
            records = context.names(self.spec.name).tfrecord_folder(key)
        counts = {"records": {"train": 9, "validation": 1}, "rejected": {"truncated": 1}}
        statistics = counts | {"labels": {}, "numbers": {}, "words": {}}
        self.write(records + "statistics.json", json.dumps(statistics))
        self.write(records + "dataset_info.json", "{}")
        execute(ConvertToTFRecordOperator, "convert_to_tfrecord", snapshot=snapshot)
        trained = execute(TrainOperator, "train", snapshot=snapshot, data_dir=records)
        job_dir = trained["job_dir"]
        gate = execute(ValidateExportOperator, "validate_export", job_dir=job_dir, snapshot=snapshot)
        created = execute(
            CreateModelVersionOperator,
            "create_model_version",
            job_dir=job_dir,
            snapshot=snapshot,
            data_until=results["upload_data"]["data_until"],
            metrics=gate["metrics"],
        )
        version = {"version": created["name"], "job_dir": job_dir, "allowed": gate["promote"]}
        execute(SmokePredictOperator, "smoke_predict", **version)
        execute(PromoteOperator, "promote", **version, data_dir=records, reasons=gate["reasons"])
        return operators

    def promoted(self, run_id: str, **fields: Any) -> str:
        """The version that another run has put into production."""
        other = self.other_run(run_id, **fields)
        job_dir = other.trained()
        version: str = other.create_version(job_dir)["name"]
        assert other.promote(version, job_dir)["promoted"]
        return version

    def history(self) -> list[HistoryEvent]:
        """Events of the dataset's releases, oldest first."""
        with run_context(self.context) as context:
            return History(context.storage, context.names("flowers")).events()

    def decide(self, action: str, version: str | None = None, key: str = "") -> str:
        """A person's decision on releases."""
        with run_context(self.context) as context:
            desk = ReleaseDesk(
                context,
                self.spec,
                who="Ada",
                reason="complaints",
                key=key or f"{action} {secrets.token_hex(4)}",
                report=lambda _: None,
            )
            return decide(desk, action, version)

    def file(self, uri: str) -> Path:
        path: Path = self.emulator.root / "buckets" / uri.removeprefix("gs://")
        return path

    def write(self, uri: str, text: str) -> None:
        self.file(uri).parent.mkdir(parents=True, exist_ok=True)
        self.file(uri).write_text(text)

    def jobs(self) -> list[Any]:
        """The project's training jobs, oldest first."""
        with run_context(self.context) as context:
            listed = list(context.clients.jobs.list_custom_jobs(parent=context.clients.parent))
        return sorted(listed, key=lambda job: job.create_time)

    def versions(self) -> list[ModelVersion]:
        with run_context(self.context) as context:
            return Models(context.clients, poll_seconds=POLL_SECONDS).versions("flowers")

    def serving(self, endpoint: str = "flowers") -> dict[str, int]:
        """Deployments on an endpoint: each deployment's version and its share of the requests."""
        with run_context(self.context) as context:
            found = Endpoints(context.clients, poll_seconds=POLL_SECONDS).deployments(endpoint)
        shares = {deployment.version: deployment.traffic_percent for deployment in found}
        assert len(shares) == len(found), f"a version is deployed twice: {found}"
        return shares

    def fault(self, target: str, **fields: Any) -> None:
        self.emulator.set_fault(target=target, **fields)
