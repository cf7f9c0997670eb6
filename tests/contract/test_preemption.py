"""A real training that loses its machine: what the bucket has then, and where the next one goes on."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import JobState
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from contract import CsvFormat, DataContract, category, class_label, number
from emulator.gcs_fuse import unavailable_reason
from vertex_client import BUCKET, Vertex

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(unavailable_reason("auto")), reason="no mount of the buckets here"),
]

STEPS = 1200
PEOPLE = DataContract(
    name="people",
    record_format="csv",
    csv=CsvFormat(),
    features=(number("age"), category("city"), class_label("income", ("low", "high"))),
)


@pytest.fixture(scope="module")
def vertex(emulator_factory: Callable[..., Any]) -> Iterator[Vertex]:
    """An emulator whose jobs see the buckets through a mount, and run the trainer."""
    emulator = emulator_factory("--gcs-fuse", "auto", "--image", "perennial/trainer=trainer.task")
    yield Vertex(emulator, "project-preempted")
    emulator.stop()


@pytest.fixture(scope="module")
def records(vertex: Vertex, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a table's records in the bucket."""
    folder = tmp_path_factory.mktemp("people")
    draw = random.Random(1)
    rows = [
        f"{draw.randrange(99)},{draw.choice(('Bonn', 'Ulm'))},{draw.choice(('low', 'high'))}"
        for _ in range(400)
    ]
    (folder / "people.csv").write_text("\n".join(["age,city,income", *rows]) + "\n")
    (folder / "features.json").write_text(PEOPLE.to_features_json())
    target = f"gs://{BUCKET}/records"
    vertex.file(target).mkdir(parents=True)
    flags = [f"--source={folder}/people.csv", f"--contract={folder}/features.json"]
    command = [sys.executable, "-m", "preprocessing.main", *flags, f"--output-dir={vertex.file(target)}"]
    subprocess.run(command, check=True, capture_output=True)
    return target


def train(vertex: Vertex, records: str, job_dir: str) -> Any:
    flags = {"model": "wide_deep", "data-dir": records, "job-dir": job_dir, "train-batch-size": 32}
    flags |= {"train-steps": STEPS, "steps-per-eval": 100, "log-every": 20}
    pool = vertex.container_pool()
    pool["container_spec"] = {
        "image_uri": f"us-docker.pkg.dev/{vertex.project}/perennial/trainer:1",
        "args": [f"--{name}={value}" for name, value in flags.items()],
    }
    return vertex.create_job(pools=[pool], spec={"base_output_directory": {"output_uri_prefix": job_dir}})


def steps(folder: Path) -> set[int]:
    """Steps of the curves that the event files in a folder hold, those being written left out."""
    found: set[int] = set()
    for file in folder.rglob("events.out.tfevents.*"):
        events = EventAccumulator(str(file))
        events.Reload()
        found |= {event.step for tag in events.Tags()["tensors"] for event in events.Tensors(tag)}
        found |= {event.step for tag in events.Tags()["scalars"] for event in events.Scalars(tag)}
    return found


def test_curves_outlive_a_preemption_and_the_next_job_goes_on(vertex: Vertex, records: str) -> None:
    job_dir = f"gs://{BUCKET}/run/"
    job = train(vertex, records, job_dir)
    folder = vertex.file(job_dir)
    deadline = time.monotonic() + 120
    while max(steps(folder), default=0) < 200:
        assert vertex.jobs.get_custom_job(name=job.name).state in {
            JobState.JOB_STATE_PENDING, JobState.JOB_STATE_RUNNING,
        }, vertex.log_lines(job)  # fmt: skip
        assert time.monotonic() < deadline, vertex.log_lines(job)
        time.sleep(0.2)
    seen = steps(folder)
    vertex.emulator.set_fault(target="preemption")
    lost = vertex.wait_for_job(job.name)
    assert (lost.state, lost.error.code) == (JobState.JOB_STATE_FAILED, 14)
    assert seen <= steps(folder), "curves that were there are lost"
    assert not (folder / "evaluation.json").exists()

    again = train(vertex, records, job_dir)
    assert vertex.wait_for_job(again.name).state == JobState.JOB_STATE_SUCCEEDED, vertex.log_lines(again)
    training = json.loads((folder / "evaluation.json").read_text())["training"]
    assert training["resumed_from_step"] >= 100
    assert training["steps"] == STEPS
    assert max(steps(folder)) >= STEPS
    assert (folder / "model" / "saved_model.pb").exists()
