"""Engines are asked by their programs; here small scripts stand for them."""

import os
from pathlib import Path

import pytest

from emulator.container_runtime import ContainerRuntime, Mount, NoRuntimeError, find_runtime


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("name", "answer", "rootless"),
    [
        ("docker", "28.2.2 [name=seccomp,profile=builtin name=cgroupns]", False),
        ("docker", "28.2.2 [name=seccomp,profile=builtin name=rootless name=cgroupns]", True),
        ("podman", "5.4.0 true", True),
        ("podman", "5.4.0 false", False),
    ],
)
def test_find_engine_auto_takes_the_one_that_answers(path, name, answer, rootless) -> None:
    program(path, name, f"echo '{answer}'")
    assert find_runtime("auto") == ContainerRuntime(program=name, rootless=rootless)


def test_find_engine_passes_over_one_without_a_daemon(path) -> None:
    program(path, "docker", "echo ' []'; echo 'Cannot connect to the Docker daemon' >&2")
    program(path, "podman", "echo '5.4.0 true'")
    assert find_runtime("auto").program == "podman"


def test_find_engine_without_any_says_what_was_tried(path) -> None:
    program(path, "docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    message = "^docker: Cannot connect to the Docker daemon; podman: not found on PATH$"
    with pytest.raises(NoRuntimeError, match=message):
        find_runtime("auto")


def test_find_engine_of_one_choice_asks_no_other(path) -> None:
    program(path, "docker", "echo '28.2.2 []'")
    with pytest.raises(NoRuntimeError, match=r"^podman: not found on PATH$"):
        find_runtime("podman")
    with pytest.raises(NoRuntimeError, match=r"^--engine none$"):
        find_runtime("none")


def run_argv(*, rootless: bool = False, command: tuple[str, ...] = ()) -> list[str]:
    return ContainerRuntime(program="docker", rootless=rootless).run_argv(
        "c",
        image_uri="x/image:1",
        command=command,
        args=["--a", "1"],
        environment={"A": "b=c"},
        mounts=[Mount(source=Path("/s"), target="/t"), Mount(source=Path("/k"), target="/k", readonly=True)],
    )


def test_run_argv_names_the_container_its_mounts_and_variables() -> None:
    argv = run_argv()
    assert argv[:4] == ["docker", "run", "--rm", "--name"]
    assert argv[-3:] == ["x/image:1", "--a", "1"]
    assert argv[argv.index("--env") + 1] == "A=b=c"
    mounts = [argv[place + 1] for place, argument in enumerate(argv) if argument == "--mount"]
    assert mounts == ["type=bind,source=/s,target=/t", "type=bind,source=/k,target=/k,readonly"]


def test_run_argv_runs_as_this_user_outside_the_container() -> None:
    argv, rootless = run_argv(), run_argv(rootless=True)
    assert argv[argv.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"
    assert rootless[rootless.index("--user") + 1] == "0:0"


def test_run_argv_with_a_command_replaces_the_entry_point() -> None:
    argv = run_argv(command=("python", "-m", "mine"))
    assert argv[argv.index("--entrypoint") + 1] == "python"
    assert argv[-5:] == ["x/image:1", "-m", "mine", "--a", "1"]


def test_remove_of_a_container_that_is_gone_is_no_error(path) -> None:
    program(path, "docker", f'echo "$@" > {path}/calls; exit 1')
    ContainerRuntime(program="docker", rootless=False).remove("c")
    assert (path / "calls").read_text() == "rm --force c\n"
