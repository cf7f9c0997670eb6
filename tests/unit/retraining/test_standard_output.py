"""Standard output that only `print` reaches."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import logging, os, sys, threading
logging.basicConfig(stream=sys.stdout)
earlier = sys.stdout
from retraining.standard_output import reserve_standard_output
reserve_standard_output()
thread = threading.Thread(target=logging.warning, args=("of a thread",))
thread.start(); thread.join()
logging.warning("of a logger")
earlier.write("of an older holder")
os.system("echo of a child")
print("é: the result")
"""


def test_results_alone_are_on_the_standard_output() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, encoding="utf-8")
    assert done.stdout == "é: the result\n"
    for expected in ("of a thread", "of a logger", "of an older holder", "of a child"):
        assert expected in done.stderr


def test_encoding_and_its_errors_stay_those_of_the_environment() -> None:
    program = PROGRAM.replace("é", "\\u00e9")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:backslashreplace"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, env=environment)
    assert done.stdout == b"\\xe9: the result\n"
