"""Properties of the Dockerfile that need no container engine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).parents[3]
TEXT = (CHECKOUT / "Dockerfile").read_text()
LOCKED = {
    one["name"]: one["version"] for one in tomllib.loads((CHECKOUT / "uv.lock").read_text())["package"]
    if "version" in one
}  # fmt: skip
BEAM_IMAGE = f"apache/beam_python3.11_sdk:{LOCKED['apache-beam']}"


def stages() -> dict[str, str]:
    """The text of every stage by its name."""
    parts = re.split(r"^FROM (\S+) AS (\S+)$", TEXT, flags=re.MULTILINE)[1:]
    return {name: f"FROM {base}\n{body}" for base, name, body in zip(*[iter(parts)] * 3, strict=True)}


def workspace() -> dict[str, Any]:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]


def test_base_image_is_pinned_to_a_version() -> None:
    (base,) = re.findall(r"^ARG PYTHON=(\S+)$", TEXT, flags=re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", base)
    bases = {re.match(r"FROM (\S+)", stage)[1] for stage in stages().values()}  # type: ignore[index]
    assert bases <= {"${PYTHON}", "${BEAM}", "scratch", *stages()}
    assert re.findall(r"^ARG BEAM=(\S+)$", TEXT, flags=re.MULTILINE) == [BEAM_IMAGE]


def test_base_image_has_a_supported_python() -> None:
    requires = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert requires == ">=3.11,<3.14"
    assert "python:3.11-" in TEXT


def test_uv_is_pinned_to_a_version() -> None:
    assert re.findall(r"pip install .*\buv(\S*)", TEXT) == ["==0.13.8"]


def test_final_stage_runs_as_another_user_than_root() -> None:
    for target in ("airflow", "emulator", "serving"):
        assert re.findall(r"^USER (\S+)$", stages()[target], flags=re.MULTILINE) == ["50000"], target


def test_image_for_gpus_has_cudas_libraries() -> None:
    assert stages()["trainer-gpu"].count("--extra gpu") == stages()["trainer-gpu"].count("uv sync")
    assert {"nvidia-cudnn-cu12", "nvidia-cublas-cu12"} <= set(LOCKED)


def test_image_for_tpus_has_a_lock_of_its_own_without_plain_tensorflow() -> None:
    lock = tomllib.loads((CHECKOUT / "trainer" / "tpu" / "uv.lock").read_text())
    versions = {one["name"]: one.get("version") for one in lock["package"]}
    assert "tensorflow" not in versions
    assert {"tensorflow-tpu", "libtpu", "keras", "perennial-trainer"} <= versions.keys()
    # What the trainer needs besides TensorFlow and what comes with it is there in both.
    trainer = tomllib.loads((CHECKOUT / "trainer" / "pyproject.toml").read_text())["project"]["dependencies"]
    assert set(trainer) - {"tensorflow"} <= versions.keys()
    stage = stages()["trainer-tpu"]
    assert stage.count("--project trainer/tpu") == stage.count("uv sync") == 2
    python = re.findall(r"python:(3\.\d+)-", TEXT)[0]
    assert f"/opt/perennial/lib/python{python}/site-packages/libtpu/libtpu.so" in stage


def test_trainer_runs_as_root_since_vertex_s_folder_of_trial_metrics_is_root_s() -> None:
    for target in ("trainer", "trainer-gpu", "trainer-tpu"):
        assert re.findall(r"^USER (\S+)$", stages()[target], flags=re.MULTILINE) == ["0"]


def test_final_stage_starts_its_program() -> None:
    started = {
        "airflow": '["airflow"]',
        "beam": '["/opt/apache/beam/boot"]',
        "emulator": '["python", "-m", "emulator"]',
        "serving": '["python", "-m", "serving.main"]',
        "trainer": '["python", "-m", "trainer.task"]',
        "trainer-tpu": '["python", "-m", "trainer.task"]',
        "trainer-gpu": '["python", "-m", "trainer.task"]',
    }
    for target, command in started.items():
        assert re.findall(r"^ENTRYPOINT (.*)$", stages()[target], flags=re.MULTILINE) == [command]


def test_manifests_are_those_of_every_member() -> None:
    copied = set(re.findall(r"^COPY (\w+)/pyproject.toml /\1/$", stages()["manifests"], flags=re.MULTILINE))
    assert copied == set(workspace()["members"])


def test_docker_context_holds_what_is_copied() -> None:
    kept = [
        line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    ]
    sources = set(re.findall(r"--mount=source=(\w+)", TEXT)) | {"deploy", "pyproject.toml", "uv.lock"}
    assert sources <= set(kept)
    for member in workspace()["members"]:
        assert member in kept or f"{member}/pyproject.toml" in kept


def test_compose_builds_targets_of_this_file() -> None:
    services = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text())["services"]
    targets = {service["build"]["target"] for service in services.values() if "build" in service}
    assert targets == {"airflow", "emulator"}
    assert targets <= stages().keys()
