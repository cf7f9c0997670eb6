"""`perennial cloud push` against the emulator, with a stand-in for the container engine."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage

from local import StackError, push
from retraining.preflight import __main__ as preflight

CHECKOUT = Path(__file__).parents[2]
REGION = "us-central1"
DIGEST = f"sha256:{'a' * 64}"
ENGINE = """#!/bin/sh
echo "$0 $*" >> "$ENGINE_LOG"
case "$1 $2" in
  "image inspect") printf '["other@{digest}","%s@{digest}"]' "${{5%:*}}" ;;
  "push --digestfile") printf '{digest}' > "$3" ;;
  "build --platform")
    for context; do :; done
    ls "$context/dags" >> "$ENGINE_LOG.dags"
    if [ -n "$ENGINE_CHANGES" ]; then : > "$ENGINE_CHANGES"; fi
    [ "$5" != broken ] ;;
  info*) exit ${{ENGINE_DOWN:-0}} ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose commit is the working tree of the test."""
    root = tmp_path / "checkout"
    for name in git(CHECKOUT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (CHECKOUT / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, root / name)
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--message=One")
    monkeypatch.setattr(push, "CHECKOUT", root)
    return root


@pytest.fixture
def commit(checkout: Path) -> str:
    """Twelve digits of the repository's commit."""
    return git(checkout, "rev-parse", "--short=12", "HEAD").strip()


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def deployment(
    emulator_factory: Callable[..., Any],
    airflow_connection: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Any]:
    """Starts an emulator, and describes a deployment on it by the environment."""

    def describe(*arguments: str, bucket: bool = True) -> Any:
        emulator = emulator_factory(*arguments)
        if bucket:
            body = {"name": "deployed", "location": REGION}
            emulator.http.post(f"/storage/v1/b?project={emulator.project}", json=body).raise_for_status()
        variables = {
            "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": airflow_connection(emulator),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": f"{emulator.url}/",
            "ENGINE_LOG": str(tmp_path / "engine.log"),
            "GOOGLE_APPLICATION_CREDENTIALS": str(emulator.key_file("owner")),
            "PERENNIAL_BUCKET": "deployed",
            "PERENNIAL_PROJECT": emulator.project,
            "PERENNIAL_REGION": REGION,
            "STORAGE_EMULATOR_HOST": emulator.url,
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return emulator

    return describe


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Callable[[], list[str]]]:
    """Puts an engine that records its command lines on PATH, alone; returns what reads them."""

    def install(name: str) -> Callable[[], list[str]]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / name
        program.write_text(ENGINE.format(digest=DIGEST))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
        log = tmp_path / "engine.log"
        return lambda: [
            line.removeprefix(f"{folder}/") for line in log.read_text().splitlines() if "info" not in line
        ]

    return install


def pushed(*images: str, **options: Any) -> dict[str, str]:
    return push.Push(push.Options(images=images, **options)).run()


def objects(emulator: Any) -> dict[str, int]:
    """Generation of each object by its name."""
    client = storage.Client(emulator.project, credentials=emulator.credentials)
    return {blob.name: blob.generation for blob in client.list_blobs("deployed")}


@pytest.mark.slow
def test_push_brings_packages_and_dags_once_and_preflight_finds_them(
    deployment: Any,
    checkout: Path,
    commit: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    # What git hides is no part of the commit.
    (checkout / ".git" / "info" / "exclude").write_text("hidden_*\n")
    for folder in ("dags", "contract/src/contract"):
        (checkout / folder / "hidden_training.py").write_text("raise SystemExit\n")
    infrastructure = tmp_path / "ours.toml"
    infrastructure.write_text("[training]\nwait_minutes = 60\n")
    monkeypatch.setenv("PERENNIAL_INFRASTRUCTURE_FILE", str(infrastructure))
    emulator = deployment()
    settings = pushed()
    folder = f"packages/{commit}/"
    assert settings == {"PERENNIAL_PACKAGES": f"gs://deployed/{folder}"}
    there = objects(emulator)
    names = {name.removeprefix(folder) for name in there}
    dags = {f"airflow/dags/{file.name}" for file in (CHECKOUT / "dags").glob("*.py")}
    assert names == dags | {
        "perennial_contract-0.1.0.tar.gz",
        "perennial_preprocessing-0.1.0.tar.gz",
        "wheels/perennial_contract-0.1.0-py3-none-any.whl",
        "wheels/perennial_preprocessing-0.1.0-py3-none-any.whl",
        "wheels/perennial_retraining-0.1.0-py3-none-any.whl",
        "airflow/plugins/retraining_plugin.py",
        "airflow/infrastructure.toml",
        "push.env",
    }
    bucket = storage.Client(emulator.project, credentials=emulator.credentials).bucket("deployed")
    wheel = bucket.blob(f"{folder}wheels/perennial_contract-0.1.0-py3-none-any.whl").download_as_bytes()
    assert not [name for name in zipfile.ZipFile(io.BytesIO(wheel)).namelist() if "hidden" in name]
    infrastructure.write_text("[training]\nwait_minutes = 90\n")
    pushed()
    again = objects(emulator)
    changed = {name for name, generation in again.items() if there.get(name) != generation}
    assert changed == {f"{folder}airflow/infrastructure.toml"}

    monkeypatch.setenv("PERENNIAL_PACKAGES", settings["PERENNIAL_PACKAGES"])
    capsys.readouterr()
    assert preflight.main(["--json", "--only", "packages"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert [one["state"] for one in findings] == ["there", "there"]


@pytest.mark.slow
def test_push_refuses_to_change_what_a_commit_is(deployment: Any, commit: str) -> None:
    emulator = deployment()
    blob = f"packages/{commit}/perennial_contract-0.1.0.tar.gz"
    client = storage.Client(emulator.project, credentials=emulator.credentials)
    client.bucket("deployed").blob(blob).upload_from_string("another's")
    with pytest.raises(StackError, match=rf"{blob}: expected what commit {commit} has"):
        pushed()


@pytest.mark.slow
def test_push_of_a_working_tree_leaves_nothing_of_the_one_before(
    deployment: Any, checkout: Path, commit: str
) -> None:
    emulator = deployment()
    folder = f"packages/{commit}-dirty/"
    (checkout / "dags" / "new_training.py").write_text("")
    pushed(with_changes=True)
    assert f"{folder}airflow/dags/new_training.py" in objects(emulator)
    bucket = storage.Client(emulator.project, credentials=emulator.credentials).bucket("deployed")
    bucket.blob(f"{folder}sbom/trainer.cdx.json").upload_from_string("of an image of the push before")
    (checkout / "dags" / "new_training.py").rename(checkout / "dags" / "newer_training.py")
    before = objects(emulator)
    pushed(with_changes=True, dry_run=True)
    assert objects(emulator) == before
    pushed(with_changes=True)
    assert before.keys() ^ objects(emulator).keys() == {
        f"{folder}airflow/dags/{name}_training.py" for name in ("new", "newer")
    }
    assert f"{folder}sbom/trainer.cdx.json" in objects(emulator)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["docker", "podman"])
def test_push_builds_and_pushes_images_and_names_them_by_digest(
    deployment: Any,
    engine: Any,
    name: str,
    checkout: Path,
    commit: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    emulator = deployment()
    lines = engine(name)
    dags = {file.name for file in (checkout / "dags").iterdir()}
    monkeypatch.setenv("ENGINE_CHANGES", str(checkout / "dags" / "late_training.py"))
    settings = pushed("trainer", "trainer-tpu", "beam")
    registry = f"{REGION}-docker.pkg.dev/{emulator.project}/perennial"
    assert settings == {
        "PERENNIAL_TRAINER_IMAGE": f"{registry}/trainer@{DIGEST}",
        "PERENNIAL_TRAINER_TPU_IMAGE": f"{registry}/trainer-tpu@{DIGEST}",
        "PERENNIAL_PACKAGES": f"gs://deployed/packages/{commit}/",
    }
    assert f'container_image = "{registry}/beam@{DIGEST}"' in capfd.readouterr().err
    builds = [line for line in lines() if line.startswith(f"{name} build")]
    assert [line.rpartition(" ")[0] for line in builds] == [
        f"{name} build --platform linux/amd64 --target {target} --tag {registry}/{target}:{commit}"
        for target in ("trainer", "trainer-tpu", "beam")
    ]
    # The working tree changed while images were built.
    late = "late_training.py"
    assert (checkout / "dags" / late).exists()
    assert set((tmp_path / "engine.log.dags").read_text().splitlines()) == dags
    assert f"packages/{commit}/airflow/dags/{late}" not in objects(emulator)
    (checkout / "dags" / late).unlink()
    monkeypatch.delenv("ENGINE_CHANGES")
    assert sum(line.startswith(f"{name} push") for line in lines()) == 3
    client = storage.Client(emulator.project, credentials=emulator.credentials)
    packages = f"packages/{commit}/"
    for image, package in (("trainer", "tensorflow"), ("trainer-tpu", "libtpu"), ("beam", "apache-beam")):
        bom = json.loads(
            client.bucket("deployed").blob(f"{packages}sbom/{image}.cdx.json").download_as_text()
        )
        assert (bom["bomFormat"], bom["metadata"]["component"]["name"]) == ("CycloneDX", image)
        assert package in {one["name"] for one in bom["components"]}
    env = client.bucket("deployed").blob(f"{packages}push.env").download_as_text()
    assert env == push.as_lines(settings)
    before = objects(emulator)
    pushed("trainer", "trainer-tpu", "beam")
    assert objects(emulator) == before, "the same lock has the same bill of materials"


@pytest.mark.slow
def test_part_of_a_push_keeps_what_push_env_has_of_the_others(
    deployment: Any, engine: Any, commit: str
) -> None:
    emulator = deployment()
    engine("docker")
    bucket = storage.Client(emulator.project, credentials=emulator.credentials).bucket("deployed")

    def push_env() -> str:
        return str(bucket.blob(f"packages/{commit}/push.env").download_as_text())

    some = pushed("trainer")
    assert "PERENNIAL_IMAGE_TAG" not in some
    more = pushed("serving")
    assert more == some | {"PERENNIAL_SERVING_IMAGE": more["PERENNIAL_SERVING_IMAGE"]}
    assert push_env() == push.as_lines(more)
    whole = pushed(*push.IMAGES)
    assert whole["PERENNIAL_IMAGE_TAG"] == commit
    assert pushed() == pushed("serving") == whole
    elsewhere = pushed("serving", registry=f"europe-west4-docker.pkg.dev/{emulator.project}/other")
    assert elsewhere.keys() == whole.keys() - {"PERENNIAL_IMAGE_TAG"}, "not all are in that registry"


@pytest.mark.slow
def test_tag_is_named_where_the_registry_has_the_other_images(
    deployment: Any, engine: Any, commit: str
) -> None:
    others = push.IMAGES.keys() - {"serving"}
    deployment(*(text for name in others for text in ("--image", f"perennial/{name}=chain_trainer")))
    engine("docker")
    assert pushed("serving")["PERENNIAL_IMAGE_TAG"] == commit


@pytest.mark.slow
def test_push_into_another_registry_needs_no_default_one(deployment: Any, engine: Any, commit: str) -> None:
    emulator = deployment("--repository", "others")
    engine("docker")
    registry = f"{REGION}-docker.pkg.dev/{emulator.project}/others"
    settings = pushed("trainer", registry=registry)
    assert settings["PERENNIAL_TRAINER_IMAGE"] == f"{registry}/trainer@{DIGEST}"


@pytest.mark.slow
@pytest.mark.usefixtures("checkout")
def test_push_builds_nothing_that_the_registry_has(deployment: Any, engine: Any) -> None:
    emulator = deployment("--image", "perennial/serving=chain_server")
    lines = engine("docker")
    settings = pushed("serving", "trainer")
    serving = settings["PERENNIAL_SERVING_IMAGE"]
    assert serving.startswith(f"{REGION}-docker.pkg.dev/{emulator.project}/perennial/serving@sha256:")
    assert serving.rpartition("@")[2] != DIGEST, "it is the registry's"
    assert [line.split()[5] for line in lines() if " build " in line] == ["trainer"]


@pytest.mark.slow
@pytest.mark.usefixtures("checkout")
def test_dry_run_changes_nothing(deployment: Any, engine: Any, capfd: pytest.CaptureFixture[str]) -> None:
    emulator = deployment()
    engine("docker")
    pushed("serving", dry_run=True)
    assert objects(emulator) == {}
    assert not (Path(os.environ["ENGINE_LOG"])).exists()
    shown = capfd.readouterr().err
    assert "would be built" in shown
    assert "perennial_contract-0.1.0.tar.gz would be uploaded" in shown


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("arguments", "bucket", "command"),
    [
        ((), False, "gcloud storage buckets create gs://deployed"),
        (("--repository", "others"), True, "gcloud artifacts repositories create perennial"),
    ],
)
def test_push_begins_with_nothing_where_bucket_or_registry_is_missing(
    deployment: Any, engine: Any, arguments: tuple[str, ...], bucket: bool, command: str
) -> None:
    deployment(*arguments, bucket=bucket)
    engine("docker")
    with pytest.raises(StackError, match="nothing was pushed") as refused:
        pushed("serving")
    assert command in str(refused.value)
    assert not Path(os.environ["ENGINE_LOG"]).exists()


@pytest.mark.slow
@pytest.mark.usefixtures("checkout")
def test_push_without_an_engine_or_with_a_failed_build_says_so(
    deployment: Any, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = deployment()
    engine("docker")
    monkeypatch.setenv("ENGINE_DOWN", "1")
    with pytest.raises(StackError, match="--no-images"):
        pushed("serving")
    monkeypatch.setenv("ENGINE_DOWN", "0")
    monkeypatch.setitem(push.IMAGES, "broken", push.IMAGES["serving"])  # type: ignore[arg-type]
    with pytest.raises(StackError, match="docker build ended with status 1"):
        pushed("broken")
    assert objects(emulator) == {}


@pytest.mark.slow
def test_commands_of_the_first_day_run_in_their_order(
    deployment: Any, engine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = (CHECKOUT / "docs" / "first-day-in-the-cloud.md").read_text()
    lines = re.findall(r"^(?:perennial cloud|set -a; \. \.local/push\.env)[^\n#]*", page, re.MULTILINE)
    assert len(lines) == 5
    # The working tree of a test may have changes, and the emulator has the quota that the page asks for.
    script = "\n".join(lines).replace("cloud push", "cloud push --dirty")
    images = ("trainer", "trainer-gpu", "autoencoder", "serving")
    emulator = deployment(
        *(text for name in images for text in ("--image", f"perennial/{name}=chain_trainer"))
    )
    engine("docker")
    monkeypatch.setenv("PATH", f"{CHECKOUT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for account in ("jobs", "serving"):
        variable = f"PERENNIAL_{'' if account == 'jobs' else 'SERVING_'}SERVICE_ACCOUNT"
        monkeypatch.setenv(variable, emulator.email(f"perennial-{account}"))
    (tmp_path / ".local").mkdir()
    done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 missing" in done.stdout
    assert "trainer-gpu@sha256:" in (tmp_path / ".local" / "push.env").read_text()
