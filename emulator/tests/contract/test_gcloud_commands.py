"""A table of gcloud commands against the emulator, in the order in which a person would give them.

Each has what must be seen in its output; braces are filled in from earlier answers. The file is one story: a
single line of it can't be run alone.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from vertex_client import Vertex

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed"),
]

PROJECT = "gcloud-table"
COMMANDS = r"""
storage buckets create gs://{bucket} --location=us-central1 --uniform-bucket-level-access
    Creating gs://gcloud-table-bucket
storage buckets list
    name: gcloud-table-bucket
storage buckets describe gs://{bucket} --format=json
    "location": "US-CENTRAL1"
storage buckets update gs://{bucket} --update-labels=team=ml
    Updating gs://gcloud-table-bucket
storage buckets update gs://{bucket} --versioning
    Updating gs://gcloud-table-bucket
storage buckets describe gs://{bucket} --format=json
    "team": "ml"
storage buckets add-iam-policy-binding gs://{bucket} --member=user:ada@example.com --role=roles/storage.objectViewer
    user:ada@example.com
storage buckets get-iam-policy gs://{bucket} --format=json
    roles/storage.objectViewer
storage buckets remove-iam-policy-binding gs://{bucket} --member=user:ada@example.com --role=roles/storage.objectViewer
    version: 1|etag
storage buckets notifications list gs://{bucket}
storage cp {folder}/one.txt gs://{bucket}/one.txt
    ^Copying
storage cp --gzip-in-flight-all {folder}/one.txt gs://{bucket}/gzip.txt
    ^Copying
storage cp --recursive {folder}/deep gs://{bucket}
    deep/three.txt to
storage cp {folder}/large gs://{bucket}/large
    ^Copying
storage cat gs://{bucket}/one.txt gs://{bucket}/gzip.txt
    one\none
storage cat --range=1-2 gs://{bucket}/one.txt
    ^ne$
storage ls gs://{bucket}/
    gs://gcloud-table-bucket/deep/
storage ls --long --recursive gs://{bucket}/
    TOTAL: 5 objects
storage ls --json gs://{bucket}/one.txt
    "contentType": "text/plain"
storage objects list gs://{bucket}/** --format=value(name)
    deep/three.txt
storage objects describe gs://{bucket}/one.txt --format=json
    "crc32c_hash": "
storage objects update gs://{bucket}/one.txt --content-type=text/csv --update-custom-metadata=farbe=blau
    Patching gs://gcloud-table-bucket/one.txt
storage objects describe gs://{bucket}/one.txt --format=json
    "farbe": "blau"
storage hash gs://{bucket}/one.txt
    crc32c_hash
storage hash {folder}/one.txt
    md5_hash
storage objects compose gs://{bucket}/one.txt gs://{bucket}/gzip.txt gs://{bucket}/both.txt
    Composing gs://gcloud-table-bucket/both.txt
storage du --summarize gs://{bucket}
    ^90\d+ +gs://gcloud-table-bucket
storage mv gs://{bucket}/both.txt gs://{bucket}/moved.txt
    moved.txt
storage cp gs://{bucket}/large {folder}/copy
    ^Copying
storage rsync --recursive {folder}/deep gs://{bucket}/mirror
    mirror/three.txt
storage rsync --recursive --delete-unmatched-destination-objects {folder}/other gs://{bucket}/mirror
    Removing gs://gcloud-table-bucket/mirror/weights
storage ls --all-versions gs://{bucket}/one.txt
    one.txt#\d+
storage buckets update gs://{bucket} --no-versioning
    Updating gs://gcloud-table-bucket
storage rm gs://{bucket}/moved.txt
    Removing gs://gcloud-table-bucket/moved.txt
storage rm --recursive gs://{bucket}/mirror
    Removing
ai custom-jobs create --region=us-central1 --display-name=train --worker-pool-spec=machine-type=n1-standard-4,replica-count=1,container-image-uri={trainer} --format=value(name)
    customJobs/(?P<job>\d+)
ai custom-jobs list --region=us-central1 --filter=displayName=train
    displayName: train
ai custom-jobs stream-logs {job} --region=us-central1 --polling-interval=1
    done$
ai custom-jobs describe {job} --region=us-central1
    state: JOB_STATE_SUCCEEDED
ai custom-jobs create --region=us-central1 --display-name=long --worker-pool-spec=machine-type=n1-standard-4,replica-count=1,container-image-uri={trainer} --args=--seconds,60 --format=value(name)
    customJobs/(?P<long>\d+)
ai custom-jobs cancel {long} --region=us-central1
    Request to cancel
ai hp-tuning-jobs create --region=us-central1 --display-name=tune --config={folder}/tuning.yaml --max-trial-count=1 --parallel-trial-count=1 --format=value(name)
    hyperparameterTuningJobs/(?P<tuning>\d+)
ai hp-tuning-jobs list --region=us-central1
    displayName: tune
ai hp-tuning-jobs describe {tuning} --region=us-central1
    maxTrialCount: 1
ai hp-tuning-jobs cancel {tuning} --region=us-central1
    Request to cancel
ai models upload --region=us-central1 --display-name=flowers --model-id=flowers --artifact-uri=gs://{bucket}/deep --container-image-uri={server} --container-predict-route=/predict --container-health-route=/health
ai models upload --region=us-central1 --display-name=flowers --parent-model={models}/flowers --version-aliases=candidate --artifact-uri=gs://{bucket}/deep --container-image-uri={server} --container-predict-route=/predict --container-health-route=/health
ai models list --region=us-central1
    flowers
ai models list-version flowers --region=us-central1
    flowers +2 +flowers
ai models describe flowers@candidate --region=us-central1
    versionId: '2'
ai models copy --region=us-central1 --source-model={models}/flowers --destination-model-id=copied
ai models delete-version flowers@2 --region=us-central1
ai endpoints create --region=us-central1 --display-name=flowers --endpoint-id=flowers
ai endpoints list --region=us-central1
    flowers
ai endpoints update flowers --region=us-central1 --update-labels=team=ml --description=garden
ai endpoints deploy-model flowers --region=us-central1 --model=flowers --display-name=v1 --machine-type=n1-standard-2 --traffic-split=0=100 --deployed-model-id=17
ai endpoints describe flowers --region=us-central1
    (?s)id: '17'.*description: garden.*team: ml
ai endpoints predict flowers --region=us-central1 --json-request={folder}/request.json
    echo: daisy|'echo': 'daisy'
ai endpoints raw-predict flowers --region=us-central1 --request=@{folder}/request.json
    daisy
ai endpoints update flowers --region=us-central1 --clear-traffic-split
ai endpoints undeploy-model flowers --region=us-central1 --deployed-model-id=17
ai endpoints delete flowers --region=us-central1
ai models delete copied --region=us-central1
dataflow jobs list --region=us-central1
    0 items
logging read resource.type=ml_job --limit=3 --format=value(resource.labels.job_id)
    \d+
auth print-access-token
    ^ya29\.|^\S{{20,}}$
storage rm --recursive gs://{bucket}
    Removing gs://gcloud-table-bucket
"""


@dataclass(frozen=True)
class Line:
    """One command of the table."""

    command: str
    seen: str

    def __str__(self) -> str:
        return " ".join(self.command.split()[:3])


def table() -> list[Line]:
    lines: list[Line] = []
    for text in COMMANDS.strip().splitlines():
        if text.startswith("    "):
            lines[-1] = Line(lines[-1].command, text.strip())
        else:
            lines.append(Line(text, ""))
    return lines


@dataclass
class World:
    """What commands are filled in with, and their environment."""

    environment: dict[str, str]
    names: dict[str, str] = field(default_factory=dict)

    def run(self, line: Line) -> str:
        command = ["gcloud", *shlex.split(line.command.format(**self.names))]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0, f"{shlex.join(command)}\n{output}"
        return output


@pytest.fixture(scope="module")
def world(emulator: Any, vertex_of: Callable[..., Vertex], tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("table")
    (folder / "one.txt").write_text("one\n")
    (folder / "large").write_bytes(bytes(9_000_000))
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "deep" / "weights").write_text("good")
    (folder / "other").mkdir()
    (folder / "other" / "three.txt").write_text("three\n")
    (folder / "deep" / "three.txt").write_text("three\n")
    (folder / "request.json").write_text(json.dumps({"instances": ["daisy"]}))
    vertex = vertex_of(emulator, PROJECT)
    images = {
        name: vertex.container_pool(image=f"little_{name}")["container_spec"]["image_uri"]
        for name in ("trainer", "server", "tuned")
    }
    (folder / "tuning.yaml").write_text(f"""
studySpec:
  metrics: [{{metricId: accuracy, goal: MAXIMIZE}}]
  parameters: [{{parameterId: learning_rate, doubleValueSpec: {{minValue: 0.001, maxValue: 0.1}}}}]
trialJobSpec:
  workerPoolSpecs:
  - machineSpec: {{machineType: n1-standard-4}}
    replicaCount: 1
    containerSpec: {{imageUri: "{images["tuned"]}"}}
""")
    return World(
        {
            **emulator.gcloud_environment,
            "CLOUDSDK_CONFIG": str(tmp_path_factory.mktemp("gcloud")),
            "CLOUDSDK_CORE_PROJECT": PROJECT,
        },
        {
            "bucket": f"{PROJECT}-bucket",
            "folder": str(folder),
            "models": f"{vertex.parent}/models",
            **images,
        },
    )


@pytest.mark.parametrize("line", table(), ids=str)
def test_command_does_what_it_does_at_google(world: World, line: Line) -> None:
    output = world.run(line)
    found = re.search(line.seen.replace("{{", "{").replace("}}", "}"), output, re.MULTILINE)
    assert found is not None, f"{line.command}: expected {line.seen}, received {output}"
    world.names.update({name: value for name, value in found.groupdict().items() if value})


def test_table_has_at_least_sixty_commands() -> None:
    assert len(table()) >= 60
