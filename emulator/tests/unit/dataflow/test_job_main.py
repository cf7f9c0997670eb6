"""Staged files are those that were submitted."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from emulator.dataflow.job_main import StagingError, stage
from emulator.dataflow.submission import Submission

PIPELINE = b"a pipeline"


@pytest.fixture
def submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Submission:
    staging = tmp_path / "mount" / "bucket" / "staging"
    staging.mkdir(parents=True)
    (staging / "pipeline.pb").write_bytes(PIPELINE)
    (staging / "a.tar.gz").write_bytes(b"a package")
    monkeypatch.setenv("GCS_MOUNT", str(tmp_path / "mount"))
    return Submission(
        job_id="job", job_name="job", project="project", pipeline_url="gs://bucket/staging/pipeline.pb",
        pipeline_hash=hashlib.sha256(PIPELINE).hexdigest(), options={}, num_workers=1, sdk_name="",
        sdk_version="", temporary={}, packages={"a.tar.gz": "gs://bucket/staging/a.tar.gz"},
    )  # fmt: skip


def test_stage_copies_pipeline_and_packages(submission: Submission, tmp_path: Path) -> None:
    assert stage(submission, tmp_path) == ["a.tar.gz"]

    assert (tmp_path / "pipeline.pb").read_bytes() == PIPELINE
    assert (tmp_path / "staged" / "a.tar.gz").read_bytes() == b"a package"


def test_stage_with_another_hash_fails(submission: Submission, tmp_path: Path) -> None:
    other = dataclasses.replace(submission, pipeline_hash="0" * 64)

    with pytest.raises(StagingError, match=f"expected the SHA-256 {'0' * 64}, received"):
        stage(other, tmp_path)


def test_stage_with_missing_file_names_it(submission: Submission, tmp_path: Path) -> None:
    other = dataclasses.replace(submission, packages={"b.tar.gz": "gs://bucket/staging/b.tar.gz"})

    with pytest.raises(StagingError, match=r"gs://bucket/staging/b\.tar\.gz: expected a staged file"):
        stage(other, tmp_path)


def test_stage_of_a_folder_or_of_a_link_out_of_the_bucket_fails(
    submission: Submission, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "mount" / "bucket" / "link").symlink_to(tmp_path / "secret")
    for uri in ("gs://bucket/staging", "gs://bucket/link"):
        with pytest.raises(StagingError, match=f"{uri}: expected a staged file"):
            stage(dataclasses.replace(submission, packages={"b.tar.gz": uri}), tmp_path)
