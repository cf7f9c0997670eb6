"""Notifications of failures, promotions and late runs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retraining import notifications

REQUIRED = {
    "PERENNIAL_PROJECT": "p",
    "PERENNIAL_REGION": "europe-west4",
    "PERENNIAL_BUCKET": "b",
    "PERENNIAL_PACKAGES": "gs://b/packages",
}

RUN = SimpleNamespace(dag_id="flowers_training", run_id="manual__1")


class Task:
    task_id = "train"

    def __init__(self, **xcoms: Any) -> None:
        self.xcoms = xcoms

    def xcom_pull(self, *, task_ids: str, key: str) -> Any:
        assert task_ids == "promote"
        return self.xcoms[key]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of what the deployment's notifier was told."""
    file = tmp_path / "told"
    arguments = {"file": str(file), "line": "{{ title }} | {{ message }}"}
    variables = {
        "PERENNIAL_NOTIFIER": "file_notifier.FileNotifier",
        "PERENNIAL_NOTIFIER_ARGUMENTS": json.dumps(arguments),
    }
    for name, value in (REQUIRED | variables).items():
        monkeypatch.setenv(name, value)
    return file


def context(**fields: Any) -> Any:
    return {"dag_run": RUN, "ti": Task(), **fields}


def test_on_failure_names_task_run_and_error(told: Path) -> None:
    notifications.on_failure(context(exception=ValueError("no such tier")))
    assert told.read_text() == (
        "flowers_training: train failed | train of run manual__1 of flowers_training failed: no such tier\n"
    )


def test_on_promotion_says_what_promote_says(told: Path) -> None:
    notifications.on_promotion(context(ti=Task(promoted=True, note="version 2 answers at flowers")))
    assert told.read_text() == (
        "flowers_training: promoted | run manual__1 of flowers_training: version 2 answers at flowers\n"
    )


def test_on_promotion_of_a_version_that_was_not_promoted_says_nothing(told: Path) -> None:
    notifications.on_promotion(context(ti=Task(promoted=False, note="not promoted: weak")))
    assert not told.exists()


def test_on_deadline_names_run_and_limit(told: Path) -> None:
    run = {"dag_id": "flowers_training", "dag_run_id": "manual__1"}
    asyncio.run(notifications.on_deadline(minutes=90.0, context={"dag_run": run}))
    assert told.read_text() == (
        "flowers_training: late | Run manual__1 of flowers_training takes longer than 90 minutes\n"
    )


def test_tell_without_a_notifier_tells_nobody(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERENNIAL_NOTIFIER")
    notifications.on_failure(context(exception=ValueError("x")))
    assert not told.exists()
