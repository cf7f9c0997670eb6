"""Content of a DAG file, for programs outside Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from contract import DataContract
from retraining.errors import ConfigurationError
from retraining.spec import main, read_spec

DAGS = Path(__file__).parents[3] / "dags"


def test_main_prints_what_a_program_needs_to_train(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["census", "--dags", str(DAGS)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["name", "source", "contract", "module", "arguments"]
    contract = DataContract.from_features_json(json.dumps(printed["contract"]))
    assert contract == read_spec("census", DAGS).contract
    assert (printed["name"], printed["source"], printed["module"]) == ("census", "census", "trainer.task")
    assert printed["arguments"]["model"] == "wide_deep"


def test_main_of_an_unknown_dataset_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["roses"])
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert "expected one of autoencoder, census, flowers, taxifare, yellow_taxi" in message
    assert "received 'roses'" in message


def test_read_spec_of_a_file_without_one_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "roses_training.py").write_text("SPEC = None\n")
    with pytest.raises(ConfigurationError, match=r"roses_training\.py: expected a DatasetSpec named 'roses'"):
        read_spec("roses", tmp_path)


def test_module_prints_json_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "retraining.spec", "flowers"]
    environment = {"AIRFLOW_HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["name"] == "flowers"
