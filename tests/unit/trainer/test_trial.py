"""What a trial of a tuning tells the service."""

from __future__ import annotations

import json

from trainer.trial import report_trial


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
