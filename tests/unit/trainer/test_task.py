"""The entry of a training job."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from contract.naming import EXPECTED_ACCELERATORS
from trainer.task import LARGE_PAGES, TUNABLES_VARIABLE, has_glibc, main

PROGRAM = """
import os, sys
print(os.getpid(), flush=True)
from trainer.task import use_large_pages
use_large_pages()
print(sys.argv[1:], os.environ.get("GLIBC_TUNABLES"))
"""


def test_main_with_a_wrong_value_exits_1_and_names_the_flag(capsys):
    assert main(["--data-dir", "d", "--job-dir", "j", "--image-size", "8"]) == 1
    assert "error: --image-size: expected 32 to 1024 pixels, received 8" in capsys.readouterr().err


def test_main_with_a_missing_folder_exits_1_and_names_it(tmp_path, capsys):
    assert main(["--data-dir", str(tmp_path / "none"), "--job-dir", str(tmp_path)]) == 1
    assert "error: --data-dir: expected a folder of TFRecords" in capsys.readouterr().err


def test_help_lists_the_flags_without_loading_tensorflow():
    script = (
        "import sys, trainer.flags; assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", script], check=True)


def test_job_for_gpus_without_one_ends_within_a_minute_with_the_reason(tmp_path):
    environment = {**os.environ, EXPECTED_ACCELERATORS: "GPU:1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "trainer.task", "--data-dir", str(tmp_path), "--job-dir", str(tmp_path)]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert "PERENNIAL_EXPECTED_ACCELERATORS: expected GPU:1" in done.stderr
    assert "received 'GPU:0'" in done.stderr


def lines_of_program(**environment: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name != TUNABLES_VARIABLE}
    command = [sys.executable, "-c", PROGRAM, "a b", "--flag="]
    done = subprocess.run(command, env={**kept, **environment}, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(not has_glibc(), reason="needs glibc")
def test_program_starts_again_once_for_large_pages_as_the_same_process():
    before, after, last = lines_of_program()
    assert before == after
    assert last == f"['a b', '--flag='] {LARGE_PAGES}"


@pytest.mark.skipif(not has_glibc(), reason="needs glibc")
def test_tunables_of_the_user_are_kept():
    _, last = lines_of_program(GLIBC_TUNABLES="glibc.malloc.arena_max=1")
    assert last == "['a b', '--flag='] glibc.malloc.arena_max=1"
