"""Staged files are those that were submitted."""

import dataclasses
import hashlib
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import pytest
import uv

from emulator.dataflow.job_main import InstallError, StagingError, install_packages, stage
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
        network="default", image="",
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


PYPROJECT = """\
[project]
name = "{name}"
version = "{version}"
dependencies = {dependencies}

[build-system]
requires = ["uv_build"]
build-backend = "uv_build"
"""


def build(folder: Path, name: str, *, version: str = "1.0.0", dependencies: list[str] | None = None) -> Path:
    source = folder / f"{name}-source"
    (source / "src" / name).mkdir(parents=True)
    (source / "src" / name / "__init__.py").write_text(f"NAME = {name!r}\n")
    (source / "pyproject.toml").write_text(
        PYPROJECT.format(name=name, version=version, dependencies=dependencies or [])
    )
    staged = folder / "staged"
    staged.mkdir(exist_ok=True)
    subprocess.run(
        [uv.find_uv_bin(), "build", "--sdist", "--quiet", "--out-dir", str(staged), str(source)], check=True
    )
    return staged / f"{name}-{version}.tar.gz"


def stage_extra_packages(*sdists: Path) -> Path:
    staged = sdists[0].parent
    (staged / "extra_packages.txt").write_text("".join(f"{sdist.name}\n" for sdist in sdists))
    return staged


def installed(target: Path) -> dict[str, str]:
    return {dist.name: dist.version for dist in distributions(path=[str(target)])}


def test_install_packages_with_extra_package_installs_it_without_what_is_there(tmp_path: Path) -> None:
    staged = stage_extra_packages(build(tmp_path, "tiny_words", dependencies=["packaging>=1"]))
    target = tmp_path / "packages"

    assert install_packages(staged, target) == 1
    assert installed(target) == {"tiny_words": "1.0.0"}
    assert (target / "tiny_words" / "__init__.py").exists()


@pytest.mark.parametrize("name", ["../outside.tar.gz", "/etc/passwd", "-r", "missing.tar.gz"])
def test_install_packages_listing_what_was_not_staged_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "staged").mkdir()
    (tmp_path / "outside.tar.gz").touch()
    (tmp_path / "staged" / "extra_packages.txt").write_text(f"{name}\n")

    with pytest.raises(InstallError, match=f"expected names of staged files, received '{name}'"):
        install_packages(tmp_path / "staged", tmp_path / "packages")


def test_install_packages_with_missing_requirement_finds_it_among_the_staged(tmp_path: Path) -> None:
    build(tmp_path, "tiny_letters")
    staged = stage_extra_packages(build(tmp_path, "tiny_words", dependencies=["tiny_letters>=1"]))

    assert install_packages(staged, tmp_path / "packages") == 2
    assert set(installed(tmp_path / "packages")) == {"tiny_words", "tiny_letters"}


def test_install_packages_with_workflow_and_requirements_installs_both(tmp_path: Path) -> None:
    build(tmp_path, "tiny_letters")
    staged = tmp_path / "staged"
    build(tmp_path, "tiny_flow").rename(staged / "workflow.tar.gz")
    (staged / "requirements.txt").write_text("tiny_letters==1.0.0\n")

    assert install_packages(staged, tmp_path / "packages") == 2


def test_install_packages_with_nothing_staged_installs_nothing(tmp_path: Path) -> None:
    (tmp_path / "staged").mkdir()

    assert install_packages(tmp_path / "staged", tmp_path / "packages") == 0


def test_install_packages_with_broken_sdist_says_what_the_installer_said(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    staged.mkdir()
    (staged / "broken-1.0.0.tar.gz").write_bytes(b"no archive")
    (staged / "extra_packages.txt").write_text("broken-1.0.0.tar.gz\n")

    with pytest.raises(InstallError, match=r"broken-1\.0\.0\.tar\.gz: "):
        install_packages(staged, tmp_path / "packages")


def test_install_packages_with_another_beam_is_refused(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    staged.mkdir()
    (staged / "dataflow_python_sdk.tar").write_bytes(b"")

    with pytest.raises(InstallError, match=r"--sdk_location: .* received dataflow_python_sdk\.tar"):
        install_packages(staged, tmp_path / "packages")
