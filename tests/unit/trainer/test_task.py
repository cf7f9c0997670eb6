"""The entry of a training job."""

from __future__ import annotations

import subprocess
import sys

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
