"""A run that would make the model that is in production again ends at its first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "daisy").mkdir()
    (tmp_path / "daisy/1.jpg").write_bytes(b"one")
    return tmp_path


@pytest.fixture
def in_production(chain: Any, pictures: Path) -> str:
    """The snapshot that the version in production was trained on."""
    snapshot: str = chain.upload(str(pictures))["snapshot"]
    job_dir = chain.trained()
    chain.promote(chain.create_version(job_dir, snapshot=snapshot)["name"], job_dir)
    return snapshot


@pytest.mark.parametrize("run_type", ["scheduled", "asset_triggered"])
def test_upload_of_unchanged_data_skips_the_run_and_names_version_and_snapshot(
    chain: Any, pictures: Path, in_production: str, run_type: str
) -> None:
    run = chain.other_run("r2", run_type=run_type)
    with pytest.raises(
        AirflowSkipException, match=f"version 1 in production was trained on snapshot {in_production}"
    ):
        run.upload(str(pictures))
    assert run.task.xcoms["note"].startswith("nothing new: version 1 in production")


@pytest.mark.parametrize("run_type", ["manual", "backfill"])
def test_upload_of_unchanged_data_goes_on_where_a_person_asked_for_the_run(
    chain: Any, pictures: Path, in_production: str, run_type: str
) -> None:
    run = chain.other_run("r2", run_type=run_type)
    assert run.upload(str(pictures))["snapshot"] == in_production
    with pytest.raises(AirflowSkipException):
        run.with_params(unchanged="skip").upload(str(pictures))


@pytest.mark.parametrize(
    "params", [{"unchanged": "train"}, {"reconvert": True}, {"accuracy": 0.8}, {"tune": True}]
)
def test_upload_for_a_run_that_asks_for_something_else_goes_on(
    chain: Any, pictures: Path, in_production: str, params: dict[str, Any]
) -> None:
    run = chain.other_run("r2", run_type="scheduled").with_params(**params)
    assert run.upload(str(pictures))["snapshot"] == in_production


@pytest.mark.usefixtures("in_production")
def test_upload_of_changed_data_goes_on(chain: Any, pictures: Path) -> None:
    (pictures / "daisy/2.jpg").write_bytes(b"two")
    assert chain.other_run("r2", run_type="scheduled").upload(str(pictures))["uploaded"] == 2


@pytest.mark.usefixtures("in_production")
def test_upload_under_another_image_goes_on(
    chain: Any, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_TRAINER_IMAGE", "somewhere/perennial-tests/chain_trainer:0.2.0")
    assert chain.other_run("r2", run_type="scheduled").upload(str(pictures))["uploaded"] == 0


def test_upload_without_a_version_in_production_goes_on(chain: Any, pictures: Path) -> None:
    chain.create_version(chain.trained(), snapshot=chain.upload(str(pictures))["snapshot"])
    assert chain.other_run("r2", run_type="scheduled").upload(str(pictures))["uploaded"] == 0
