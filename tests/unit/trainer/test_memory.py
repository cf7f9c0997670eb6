"""Start of a training process with large pages."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from trainer.memory import LARGE_PAGES, VARIABLE, _has_glibc

PROGRAM = """
import os, sys
print(os.getpid(), flush=True)
from trainer.memory import use_large_pages
use_large_pages()
print(sys.argv[1:], os.environ.get("GLIBC_TUNABLES"))
"""

pytestmark = pytest.mark.skipif(not _has_glibc(), reason="needs glibc")


def lines(**environment: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name != VARIABLE}
    command = [sys.executable, "-c", PROGRAM, "a b", "--flag="]
    done = subprocess.run(command, env={**kept, **environment}, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def test_program_starts_again_once_as_the_same_process() -> None:
    before, after, last = lines()
    assert before == after
    assert last == f"['a b', '--flag='] {LARGE_PAGES}"


def test_tunables_of_the_user_are_kept() -> None:
    _, last = lines(GLIBC_TUNABLES="glibc.malloc.arena_max=1")
    assert last == "['a b', '--flag='] glibc.malloc.arena_max=1"
