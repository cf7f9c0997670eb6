"""The command line of the samples."""

from __future__ import annotations

from samples.__main__ import main


def test_main_run_twice_says_that_nothing_is_left_to_do(tmp_path, capsys):
    command = ["flowers", "--output-dir", str(tmp_path), "--images", "5", "--size", "48"]

    assert main(command) == 0
    assert "5 pictures rendered" in capsys.readouterr().out
    assert main(command) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_main_with_a_wrong_flag_value_names_it(tmp_path, capsys):
    assert main(["flowers", "--output-dir", str(tmp_path), "--images", "1"]) == 1
    assert "images: expected at least 5, received 1" in capsys.readouterr().err
