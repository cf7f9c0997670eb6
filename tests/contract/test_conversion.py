"""The conversion's command line against the emulator: through the storage client, and as a Dataflow job."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from google.api_core.client_options import ClientOptions
from google.cloud import dataflow_v1beta3 as dataflow
from google.cloud import storage
from PIL import Image

from contract import CsvFormat, DataContract, SplitSpec, category, number, target

PROJECT, REGION, BUCKET = "perennial-local", "us-central1", "conversion-contract"
LABELS = ["--dataset", "flowers", "--labels", "daisy,roses", "--num-shards", "2"]
WAIT_SECONDS = 120


def _jpeg(seed: int) -> bytes:
    encoded = io.BytesIO()
    Image.frombytes("RGB", (24, 16), random.Random(seed).randbytes(24 * 16 * 3)).save(encoded, "JPEG")
    return encoded.getvalue()


@pytest.fixture(scope="module")
def buckets(emulator: Any) -> Path:
    """The emulator's buckets as folders, with raw images in one."""
    client = storage.Client(
        project=PROJECT,
        credentials=emulator.credentials,
        client_options=ClientOptions(api_endpoint=emulator.url),
    )
    client.create_bucket(BUCKET)
    for index in range(60):
        name = f"raw/{('daisy', 'roses')[index % 2]}/{index:02}.jpg"
        client.bucket(BUCKET).blob(name).upload_from_string(_jpeg(index))
    client.bucket(BUCKET).blob("raw/daisy/cut.jpg").upload_from_string(_jpeg(60)[:-40])
    return Path(emulator.root) / "buckets"


def _convert(emulator: Any, *flags: str, **environment: str) -> str:
    command = [sys.executable, "-m", "preprocessing.main", *flags]
    done = subprocess.run(
        command,
        env={**os.environ, **emulator.environment, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def _tfrecords(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tfrecord-*"))}


@pytest.mark.slow
def test_conversion_through_the_storage_client_equals_the_one_through_the_mount(
    emulator: Any, buckets: Path, tmp_path: Path
) -> None:
    cloud = ["--source", f"gs://{BUCKET}/raw", "--output-dir", f"gs://{BUCKET}/client", *LABELS]
    no_mount = {"GCS_MOUNT": str(tmp_path / "no mount here")}
    _convert(emulator, *cloud, **no_mount)
    by_mount = ["--source", f"gs://{BUCKET}/raw", "--output-dir", f"gs://{BUCKET}/mount", *LABELS]
    _convert(emulator, *by_mount)
    folder = buckets / BUCKET
    written = _tfrecords(folder / "client")
    assert len(written) == 4
    assert written == _tfrecords(folder / "mount")
    for name in ("dataset_info.json", "statistics.json", "rejected/rejected.jsonl"):
        assert (folder / "client" / name).read_text() == (folder / "mount" / name).read_text()
    assert json.loads((folder / "client/statistics.json").read_text())["rejected"] == {"truncated": 1}

    # A broken attempt: a shard is missing, one is from other settings, one from another number of shards.
    first, second = sorted(written)[:2]
    (folder / "client" / "dataset_info.json").unlink()
    (folder / "client" / first).unlink()
    (folder / "client" / second).write_bytes(b"other")
    (folder / "client" / "flowers-train.tfrecord-00000-of-00009").write_bytes(b"stale")
    _convert(emulator, *cloud, **no_mount)
    assert _tfrecords(folder / "client") == written
    assert "nothing to convert" in _convert(emulator, *cloud, **no_mount)


@pytest.mark.slow
def test_conversion_of_rows_through_the_storage_client_equals_the_one_through_the_mount(
    emulator: Any, buckets: Path, tmp_path: Path
) -> None:
    contract = DataContract(
        name="people",
        record_format="csv",
        features=(number("age"), category("city", default="?"), target("income")),
        csv=CsvFormat(),
        split=SplitSpec(test_files=("late.csv",)),
    )
    folder = buckets / BUCKET
    raw = folder / "tables"
    raw.mkdir()
    draw = random.Random(0)
    rows = [f'{draw.randint(17, 90)},"city, {draw.random()}\n",{draw.random()}' for _ in range(20_000)]
    (raw / "early.csv").write_text("\n".join(["age,city,income", *rows, "one,x,1"]))
    (raw / "late.csv").write_text("income,age,city\n1,30,x\n")
    (raw / "packed.csv.gz").write_bytes(gzip.compress(b"city,age,income\nx,1,2\n"))
    (tmp_path / "features.json").write_text(contract.to_features_json())
    flags = ["--contract", str(tmp_path / "features.json"), "--num-shards", "3"]
    no_mount = {"GCS_MOUNT": str(tmp_path / "no mount here")}
    for name, environment in (("people-client", no_mount), ("people-mount", {})):
        places = ["--source", f"gs://{BUCKET}/tables", "--output-dir", f"gs://{BUCKET}/{name}"]
        _convert(emulator, *places, *flags, **environment)
    written = _tfrecords(folder / "people-client")
    assert len(written) == 9
    assert written == _tfrecords(folder / "people-mount")
    statistics = (folder / "people-client/statistics.json").read_text()
    assert statistics == (folder / "people-mount/statistics.json").read_text()
    document = json.loads(statistics)
    assert (document["read"], document["records"]["test"]) == (20_003, 1)
    assert document["rejected"] == {"not_a_number": 1}


def test_conversion_as_a_dataflow_job_tells_its_id_and_writes_the_same(
    emulator: Any, buckets: Path, tmp_path: Path
) -> None:
    places = ["--source", f"gs://{BUCKET}/raw", "--output-dir", f"gs://{BUCKET}/dataflow"]
    flags = [
        "--runner=DataflowRunner",
        "--no-wait",
        f"--project={PROJECT}",
        f"--region={REGION}",
        f"--dataflow_endpoint={emulator.url}",
        f"--service_account_email={emulator.email('perennial-jobs')}",
        f"--temp_location=gs://{BUCKET}/temp",
        f"--staging_location=gs://{BUCKET}/staging",
    ]
    submitted = subprocess.run(
        [sys.executable, "-m", "preprocessing.main", *places, *LABELS, *flags],
        env={**os.environ, **emulator.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert submitted.returncode == 0, submitted.stderr
    job = json.loads(submitted.stdout.splitlines()[-1])
    assert job["job_name"].startswith("flowers-conversion-")
    client = dataflow.JobsV1Beta3Client(
        transport="rest",
        credentials=emulator.credentials,
        client_options=ClientOptions(api_endpoint=emulator.url),
    )
    request = dataflow.GetJobRequest(project_id=PROJECT, location=REGION, job_id=job["job_id"])
    deadline = time.monotonic() + WAIT_SECONDS
    while (state := client.get_job(request).current_state.name) not in {"JOB_STATE_DONE", "JOB_STATE_FAILED"}:
        assert time.monotonic() < deadline, state
        time.sleep(0.2)
    assert state == "JOB_STATE_DONE"
    _convert(
        emulator, "--source", str(buckets / BUCKET / "raw"), "--output-dir", str(tmp_path / "here"), *LABELS
    )
    assert _tfrecords(buckets / BUCKET / "dataflow") == _tfrecords(tmp_path / "here")
