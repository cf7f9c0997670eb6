from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from contract import CsvFormat, DataContract, number, target
from preprocessing.main import main

FLAGS = ["--dataset", "flowers", "--labels", "daisy,roses"]


def test_main_converts_and_the_second_time_does_nothing(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "output"
    flags = ["--source", str(source), "--output-dir", str(output), *FLAGS]
    main(flags)
    assert "records" in capsys.readouterr().err
    written = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    main(flags)
    assert "committed dataset: nothing to convert" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == written


def test_main_that_fails_ends_with_one_line(source: Path, tmp_path: Path) -> None:
    for path in (source / "daisy").iterdir():
        path.write_bytes(b"")
    with pytest.raises(SystemExit) as caught:
        main(["--source", str(source), "--output-dir", str(tmp_path / "output"), *FLAGS])
    assert str(caught.value.code).startswith("error: flowers: 12 of 24 files rejected (50.0%)")


def test_main_converts_a_csv_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contract = DataContract(
        name="people", record_format="csv", features=(number("age"), target("income")), csv=CsvFormat()
    )
    (tmp_path / "features.json").write_text(contract.to_features_json())
    (tmp_path / "people.csv").write_text("income,age\n" + "".join(f"{n},{n}\n" for n in range(50)))
    places = ["--source", str(tmp_path / "people.csv"), "--output-dir", str(tmp_path / "output")]
    main([*places, "--contract", str(tmp_path / "features.json")])
    assert "read: 50" in capsys.readouterr().err


def test_main_imports_no_tensorflow() -> None:
    code = "import sys, preprocessing.main; print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
