import pytest

from local import commands
from local.arguments import parse


def test_parse_takes_data_and_settings() -> None:
    options = parse(["train", "--dataset", "census", "--set", "a=1", "--set", "b=2"])
    assert options.run is commands.train
    assert (options.dataset, options.data, options.set) == ("census", None, ["a=1", "b=2"])


@pytest.mark.parametrize("command", ["up", "down", "status", "demo", "train", "predict", "forget"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([command, "--help"])
    assert f"python -m local {command}" in capsys.readouterr().out
