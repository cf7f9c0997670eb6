"""Paths of a job, and the report of a trial."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from trainer.errors import InputError
from trainer.report import JobPaths, check_trial_file, report_trial, write_json


def test_job_paths_by_hand_are_vertex_s_own_layout():
    paths = JobPaths.of("/jobs/one", {})

    assert paths.model == Path("/jobs/one/model")
    assert paths.checkpoints == Path("/jobs/one/checkpoints")
    assert paths.logs == Path("/jobs/one/logs")
    assert paths.evaluation == Path("/jobs/one/evaluation.json")


def test_job_paths_follow_vertex_s_environment_below_the_mount(monkeypatch):
    monkeypatch.setenv("GCS_MOUNT", "/mount")
    paths = JobPaths.of("gs://b/runs/one", {"AIP_MODEL_DIR": "gs://b/elsewhere/model/"})

    assert paths.model == Path("/mount/b/elsewhere/model")
    assert paths.job == Path("/mount/b/runs/one")


def test_write_json_of_a_value_that_is_no_json_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "report.json"
    write_json(path, {"loss": 1.0})

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"loss": float("nan")})

    assert '"loss": 1.0' in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_job_paths_of_a_trial_are_in_a_folder_of_its_own():
    paths = JobPaths.of("/jobs/one", {"CLOUD_ML_TRIAL_ID": "2"})

    assert paths.evaluation == Path("/jobs/one/2/evaluation.json")
    assert paths.model == Path("/jobs/one/2/model")


def test_report_trial_writes_every_metric_under_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUD_ML_TRIAL_ID", "3")
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(tmp_path / "metrics" / "output.metrics"))

    report_trial({"auc": 0.9, "loss": 0.3}, step=100)

    lines = [json.loads(line) for line in (tmp_path / "metrics" / "output.metrics").read_text().splitlines()]
    assert [line["trial"] for line in lines] == ["3", "3"]
    assert (lines[0]["auc"], lines[1]["loss"], lines[0]["global_step"]) == ("0.9", "0.3", "100")


def test_report_trial_outside_of_a_tuning_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("CLOUD_ML_TRIAL_ID", raising=False)
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(tmp_path / "output.metrics"))

    report_trial({"auc": 0.9}, step=100)

    assert list(tmp_path.iterdir()) == []


def test_trial_whose_metric_file_cannot_be_written_is_refused_before_its_training(tmp_path, monkeypatch):
    (tmp_path / "output.metrics").mkdir()
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(tmp_path / "output.metrics"))

    with pytest.raises(InputError, match=f"CLOUD_ML_HP_METRIC_FILE.*{re.escape(str(tmp_path))}"):
        check_trial_file({"CLOUD_ML_TRIAL_ID": "1"})
    check_trial_file({})
