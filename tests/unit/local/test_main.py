from typing import Any

import pytest
from typer.testing import CliRunner

from local import StackError, module_runner, offline
from local.__main__ import app, as_json, parse_settings
from local.stack import Stack

COMMANDS = ["up", "down", "status", "demo", "train", "predict", "purge", "costs", "plan"]


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, prog_name="perennial")
    return result.exit_code, result.output


@pytest.fixture
def on_stack(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Command lines of programs that would run on a stack that is up; each exits with 4."""
    lines: list[list[str]] = []

    def exit_status(module: str, arguments: list[str], **_: Any) -> int:
        lines.append([module, *arguments])
        return 4

    monkeypatch.setattr(Stack, "client_environment", lambda _: {})
    monkeypatch.setattr(module_runner, "exit_status", exit_status)
    return lines


def test_train_takes_data_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    received: dict[str, Any] = {}
    monkeypatch.setattr(offline, "train", lambda _, **options: received.update(options))
    assert run("train", "--dataset", "census", "--set", "a=1", "--set", "b=2") == (0, "")
    assert received == {"dataset": "census", "data": None, "settings": {"a": "1", "b": "2"}}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    status, shown = run(command, "--help")
    assert status == 0
    assert f"Usage: perennial {command}" in shown


def test_status_of_a_stack_that_is_down_is_3(tmp_path: Any) -> None:
    status, shown = run("--home", str(tmp_path), "status")
    assert status == 3
    assert shown.startswith("Down.")


@pytest.mark.parametrize("arguments", [("trian",), ("up", "--no-such-flag"), ("plan",)])
def test_wrong_command_line_is_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


def test_stack_error_is_one_line_and_1() -> None:
    assert run("train", "--set", "a") == (1, "failed: --set: expected NAME=VALUE, received 'a'\n")


def test_interrupted_command_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(offline, "predict", interrupt)
    assert run("predict") == (130, "interrupted\n")


def test_purge_hands_its_options_and_status_on(on_stack: list[list[str]]) -> None:
    assert run("purge", "--dataset", "census")[0] == 4
    run(
        "purge",
        "--dataset",
        "census",
        "--run",
        "manual__1",
        "--older-than",
        "30d",
        "--yes",
        "--with-production",
    )
    run("purge", "--older-than", "90d")
    assert on_stack == [
        ["retraining.purge", "--dataset", "census"],
        [
            *("retraining.purge", "--dataset", "census", "--run", "manual__1", "--older-than", "30d"),
            *("--yes", "--with-production"),
        ],
        ["retraining.purge", "--older-than", "90d"],
    ]


def test_plan_hands_its_options_on(on_stack: list[list[str]]) -> None:
    year = ("--from", "2019-01-01", "--to", "2019-12-01")
    run("plan", "--dataset", "yellow_taxi", *year, "--max-active-runs", "3", "--spot", "--json")
    assert on_stack == [
        ["retraining.plan", "yellow_taxi", *year, "--max-active-runs", "3", "--spot", "--json"]
    ]


def test_costs_hands_its_options_on(on_stack: list[list[str]]) -> None:
    assert run("costs")[0] == 4
    run("costs", "--dataset", "census", "--since", "2026-10-01", "--json")
    assert on_stack == [
        ["retraining.costs"],
        ["retraining.costs", "--dataset", "census", "--since", "2026-10-01", "--json"],
    ]


@pytest.mark.parametrize(
    "command", [("purge",), ("costs",), ("plan", "--from", "2019-01-01", "--to", "2019-12-01")]
)
def test_program_on_a_stack_that_was_never_up_says_how_to_start_it(
    command: tuple[str, ...], tmp_path: Any
) -> None:
    status, shown = run("--home", str(tmp_path), *command, "--dataset", "census")
    assert status == 1
    assert "make up" in shown


def test_parse_settings_splits_at_the_first_equals_sign() -> None:
    assert parse_settings(["train_steps=100", "geo_pairs=a=b"]) == {"train_steps": "100", "geo_pairs": "a=b"}


def test_as_json_takes_what_is_no_json_as_text() -> None:
    settings = {"steps": "100", "promote": "false", "units": "128 32 4"}
    assert as_json(settings) == {"steps": 100, "promote": False, "units": "128 32 4"}


@pytest.mark.parametrize("text", ["train_steps", "=100"])
def test_parse_settings_without_name_or_value_says_what_it_got(text: str) -> None:
    with pytest.raises(StackError, match=f"--set: expected NAME=VALUE, received '{text}'"):
        parse_settings([text])


def test_cloud_preflight_hands_its_options_and_status_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, list[str]]] = []

    def exit_status(module: str, arguments: list[str]) -> int:
        asked.append((module, arguments))
        return 1

    monkeypatch.setattr(module_runner, "exit_status", exit_status)
    for arguments in (["--tier", "BASIC_GPU", "--json"], ["--help"]):
        assert run("cloud", "preflight", *arguments)[0] == 1
    assert asked == [
        ("retraining.preflight", ["--tier", "BASIC_GPU", "--json"]),
        ("retraining.preflight", ["--help"]),
    ]
