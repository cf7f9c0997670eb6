"""Targets of a task's links."""

from __future__ import annotations

from retraining.links import job_url, tensorboard_url
from retraining.settings import Settings

SETTINGS = Settings.from_environment(
    {
        "PERENNIAL_PROJECT": "p",
        "PERENNIAL_REGION": "us-central1",
        "PERENNIAL_BUCKET": "b",
        "PERENNIAL_PACKAGES": "gs://b/packages",
    }
)


def test_job_url_of_a_training_job_is_vertex_ais() -> None:
    assert job_url("projects/p/locations/us-central1/customJobs/12", SETTINGS) == (
        "https://console.cloud.google.com/vertex-ai/locations/us-central1/training/12/cpu?project=p"
    )


def test_job_url_of_a_search_is_vertex_ais() -> None:
    assert job_url("projects/p/locations/us-central1/hyperparameterTuningJobs/12", SETTINGS) == (
        "https://console.cloud.google.com/vertex-ai/locations/us-central1/training/12?project=p"
    )


def test_job_url_of_a_conversion_is_dataflows() -> None:
    assert job_url("2026-01-31_12_00_00-7", SETTINGS) == (
        "https://console.cloud.google.com/dataflow/jobs/us-central1/2026-01-31_12_00_00-7?project=p"
    )


def test_tensorboard_url_shows_one_run() -> None:
    assert tensorboard_url("gs://b/runs/flowers/manual-1-0a1b2c3d/", "http://localhost:6006/") == (
        "http://localhost:6006/?runFilter=manual-1-0a1b2c3d#timeseries"
    )
