"""The `gcloud storage` program against the emulator."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")

Gcloud = Callable[..., str]


@pytest.fixture(scope="module")
def gcloud(emulator, tmp_path_factory: pytest.TempPathFactory) -> Gcloud:
    environment = {
        **emulator.gcloud_environment,
        "CLOUDSDK_CONFIG": str(tmp_path_factory.mktemp("gcloud")),
    }

    def run(*arguments: object) -> str:
        command = ["gcloud", "storage", *map(str, arguments)]
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    return run


@pytest.fixture
def bucket(emulator, request) -> Path:
    folder: Path = emulator.root / "buckets" / request.node.name.replace("_", "-")
    folder.mkdir()
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source" / "sub").mkdir(parents=True)
    (tmp_path / "source" / "one.txt").write_text("one\n")
    (tmp_path / "source" / "sub" / "two.txt").write_text("two\n")
    (tmp_path / "source" / "large").write_bytes(os.urandom(9_000_000))
    return tmp_path / "source"


def test_cp_ls_du_and_cat(gcloud, bucket, source, tmp_path):
    uri = f"gs://{bucket.name}"
    gcloud("cp", "--recursive", source, uri)
    assert (bucket / "source" / "large").read_bytes() == (source / "large").read_bytes()
    assert gcloud("ls", f"{uri}/source/").split() == [
        f"{uri}/source/large", f"{uri}/source/one.txt", f"{uri}/source/sub/",
    ]  # fmt: skip
    assert gcloud("cat", f"{uri}/source/one.txt", f"{uri}/source/sub/two.txt") == "one\ntwo\n"
    assert gcloud("du", "--summarize", uri).split() == ["9000008", uri]
    gcloud("cp", f"{uri}/source/large", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (source / "large").read_bytes()


def test_mv_and_rm(gcloud, bucket):
    uri = f"gs://{bucket.name}"
    (bucket / "a").mkdir()
    (bucket / "a" / "x").write_text("x")
    gcloud("mv", f"{uri}/a/x", f"{uri}/b/y")
    assert [path.relative_to(bucket).as_posix() for path in bucket.rglob("*")] == ["b", "b/y"]
    gcloud("rm", "--recursive", uri)
    assert not bucket.exists()


def test_rsync_copies_what_differs_and_deletes_the_rest(gcloud, bucket, source):
    uri = f"gs://{bucket.name}"
    (bucket / "stale").write_text("")
    (bucket / "one.txt").write_text("one\n")
    gcloud("rsync", "--recursive", "--delete-unmatched-destination-objects", source, uri)
    names = sorted(path.relative_to(bucket).as_posix() for path in bucket.rglob("*") if path.is_file())
    assert names == ["large", "one.txt", "sub/two.txt"]
