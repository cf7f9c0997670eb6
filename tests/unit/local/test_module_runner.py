import sys
from pathlib import Path

import pytest

from local import StackError
from local.module_runner import captured, output, run

HELP = "sample data"


def test_run_shows_the_command_and_what_it_prints(capfd: pytest.CaptureFixture[str]) -> None:
    run("samples", ["--help"])
    shown = capfd.readouterr().out
    assert "$ python -m samples --help" in shown
    assert HELP in shown


def test_run_of_a_program_that_fails_names_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StackError, match="python -m samples ended with status 2"):
        run("samples", ["--no-such-flag"])


def test_output_is_what_the_program_prints() -> None:
    assert HELP in output("samples", ["--help"])


def test_output_of_a_program_that_fails_names_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StackError, match="python -m samples ended with status 2"):
        output("samples", ["--no-such-flag"])


def test_tool_runs_in_its_folder_and_says_why_it_failed(tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    assert captured(["ls"], tmp_path) == "one\n"
    script = "import sys; sys.exit('broken')"
    with pytest.raises(StackError, match=r"-c .* ended with status 1: broken"):
        captured([sys.executable, "-c", script], tmp_path)
