"""The buckets as a training job sees them: mounted as Cloud Storage FUSE mounts them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import JobState

from emulator.gcs_fuse import unavailable_reason
from vertex_client import BUCKET, Vertex

pytestmark = pytest.mark.skipif(
    bool(unavailable_reason("auto")), reason=f"no mount here: {unavailable_reason('auto')}"
)


PRELUDE = """
import os, pathlib, time
bucket = pathlib.Path(os.environ["GCS_MOUNT"], os.environ["BUCKET"])
"""


@pytest.fixture(scope="module")
def mounted(emulator_factory: Callable[..., Any]) -> Iterator[Vertex]:
    """An emulator whose jobs get mounts."""
    emulator = emulator_factory("--gcs-fuse", "auto")
    yield Vertex(emulator, "project-mounted")
    emulator.stop()


def mounts(vertex: Vertex) -> list[str]:
    return [
        line.split()[1]
        for line in Path("/proc/mounts").read_text().splitlines()
        if str(vertex.emulator.root) in line
    ]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def create(vertex: Vertex, script: str, **environment: str) -> Any:
    """A job that runs a script, in which `bucket` is a folder of the mount."""
    pool = vertex.container_pool()
    pool["container_spec"] |= {
        "command": ["python", "-c", PRELUDE + script],
        "args": [],
        "env": [{"name": name, "value": value} for name, value in {"BUCKET": BUCKET, **environment}.items()],
    }
    return vertex.create_job(pools=[pool])


def test_object_appears_when_its_file_is_closed(mounted: Vertex, tmp_path: Path) -> None:
    mounted.write(f"gs://{BUCKET}/there.txt", "there")
    job = create(
        mounted,
        """
assert (bucket / "there.txt").read_text() == "there"
file = open(bucket / "curves", "w")
file.write("one")
file.flush()
go_on = pathlib.Path(os.environ["GO_ON"])
pathlib.Path(os.environ["OPEN"]).touch()
while not go_on.exists():
    time.sleep(0.05)
file.close()
try:
    (bucket / "folder").mkdir()
    (bucket / "folder" / "x").write_text("x")
    os.rename(bucket / "folder", bucket / "other")
except OSError as error:
    print("rename:", error.strerror)
import tempfile
with tempfile.TemporaryFile(dir=bucket) as file:
    file.write(b"temporary")
    file.seek(0)
    print(file.read(), os.fstat(file.fileno()).st_size)
    print([name for name in os.listdir(bucket) if "tmp" in name or "fuse" in name])
with open(bucket / "curves", "r+") as file:
    file.truncate(1)
    print((pathlib.Path(os.environ["BUCKETS"]) / os.environ["BUCKET"] / "curves").read_text())
os.utime(bucket / "curves", (1e9, 1e9))
""",
        BUCKETS=str(mounted.emulator.root / "buckets"),
        OPEN=str(tmp_path / "open"),
        GO_ON=str(tmp_path / "go-on"),
    )
    wait_for((tmp_path / "open").exists)
    assert len(mounts(mounted)) == 1
    curves = mounted.file(f"gs://{BUCKET}/curves")
    assert not curves.exists()
    (tmp_path / "go-on").touch()
    assert mounted.wait_for_job(job.name).state == JobState.JOB_STATE_SUCCEEDED, mounted.log_lines(job)
    assert curves.read_text() == "o"
    assert curves.stat().st_mtime == 1e9
    assert mounted.log_lines(job)[-4:] == ["rename: Too many open files", "b'temporary' 9", "[]", "one"]
    assert [path.name for path in mounted.file(f"gs://{BUCKET}/").iterdir() if "fuse" in path.name] == []
    assert not mounts(mounted)
    assert mounted.file(f"gs://{BUCKET}/there.txt").exists(), "nothing of the bucket went with the mount"


def test_exit_status_and_signals_are_the_commands(mounted: Vertex) -> None:
    job = mounted.wait_for_job(create(mounted, "raise SystemExit(7)").name)
    assert "status of 7" in job.error.message
    script = """
import signal, sys
def save(*_):
    (bucket / "saved").write_text("at the end")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
(bucket / "ready").write_text("")
time.sleep(60)
"""
    job = create(mounted, script)
    wait_for(mounted.file(f"gs://{BUCKET}/ready").exists)
    mounted.jobs.cancel_custom_job(name=job.name)
    assert mounted.wait_for_job(job.name).state == JobState.JOB_STATE_CANCELLED
    assert mounted.file(f"gs://{BUCKET}/saved").read_text() == "at the end"
    assert not mounts(mounted)


def test_job_that_is_killed_with_its_file_system_leaves_no_mount(mounted: Vertex) -> None:
    script = """
draft = open(bucket / "draft", "w")
draft.write("not closed")
draft.flush()
(bucket / "kept").write_text("kept")
time.sleep(60)
"""
    job = create(mounted, script)
    wait_for(mounted.file(f"gs://{BUCKET}/kept").exists)
    mounted.emulator.set_fault(target="preemption")
    assert mounted.wait_for_job(job.name).state == JobState.JOB_STATE_FAILED
    assert mounted.file(f"gs://{BUCKET}/kept").read_text() == "kept"
    assert not mounted.file(f"gs://{BUCKET}/draft").exists(), "its machine is gone, and the draft with it"
    assert not mounts(mounted)


def test_job_keeps_its_mount_while_the_emulator_is_killed(mounted: Vertex, tmp_path: Path) -> None:
    job = create(
        mounted,
        """
(bucket / "a").write_text("a")
while not pathlib.Path(os.environ["GO_ON"]).exists():
    time.sleep(0.05)
(bucket / "b").write_text("b")
""",
        GO_ON=str(tmp_path / "go-on"),
    )
    wait_for(mounted.file(f"gs://{BUCKET}/a").exists)
    mounted.emulator.restart()
    (tmp_path / "go-on").touch()
    assert mounted.wait_for_job(job.name).state == JobState.JOB_STATE_SUCCEEDED
    assert mounted.file(f"gs://{BUCKET}/b").read_text() == "b"
    assert not mounts(mounted)


def test_dead_mount_is_taken_away_by_the_next_emulator(mounted: Vertex) -> None:
    job = create(mounted, "(bucket / 'c').write_text('c'); time.sleep(60)")
    wait_for(mounted.file(f"gs://{BUCKET}/c").exists)
    mounted.emulator.kill()
    point = mounts(mounted)[0]
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and folder.name != str(os.getpid()):
            command = (folder / "cmdline").read_bytes() if (folder / "cmdline").exists() else b""
            if point.encode() in command:
                os.kill(int(folder.name), signal.SIGKILL)
    mounted.emulator.start()
    wait_for(lambda: not mounts(mounted))
    assert mounted.wait_for_job(job.name).state == JobState.JOB_STATE_FAILED
    assert mounted.file(f"gs://{BUCKET}/c").read_text() == "c"
