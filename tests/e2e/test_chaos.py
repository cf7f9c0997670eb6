"""Ten whole runs through the real scheduler, each disturbed once."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_ten_disturbed_runs_end_right() -> None:
    command = [sys.executable, "benchmarks/chaos.py", "--runs", "10", "--seed", "2", "--lanes", "2"]
    # No measure of speed on a busy machine, but Airflow's own patience, 320 s, would be seen.
    command += ["--late-seconds", "150"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    assert "runs right: 10 of 10" in done.stdout
    assert "machines paid twice: 0" in done.stdout
