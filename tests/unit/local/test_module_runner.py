import pytest

from local import StackError
from local.module_runner import output, run


def test_run_shows_the_command_and_what_it_prints(capfd: pytest.CaptureFixture[str]) -> None:
    run("base64", ["-t"])
    shown = capfd.readouterr().out
    assert "$ python -m base64 -t" in shown
    assert "Aladdin:open sesame" in shown


def test_run_of_a_program_that_fails_names_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StackError, match="python -m base64 ended with status 2"):
        run("base64", ["--no-such-flag"])


def test_output_is_what_the_program_prints() -> None:
    assert "Aladdin" in output("base64", ["-t"])


def test_output_of_a_program_that_fails_names_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StackError, match="python -m base64 ended with status 2"):
        output("base64", ["--no-such-flag"])
