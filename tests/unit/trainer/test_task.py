"""The entry of a training job."""

from __future__ import annotations

import os
import subprocess
import sys

from contract.naming import EXPECTED_ACCELERATORS
from trainer.task import main


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
