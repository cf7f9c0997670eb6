"""The deployment's variables."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import pytest

from retraining.errors import ConfigurationError
from retraining.settings import Settings

REQUIRED = {
    "PERENNIAL_PROJECT": "p",
    "PERENNIAL_REGION": "europe-west4",
    "PERENNIAL_BUCKET": "b",
    "PERENNIAL_PACKAGES": "gs://b/packages",
}


def test_from_environment_with_the_required_variables_fills_in_the_rest() -> None:
    settings = Settings.from_environment(REQUIRED)
    assert settings.model_dump() == {
        "project": "p",
        "region": "europe-west4",
        "bucket": "b",
        "deployment": "default",
        "packages": "gs://b/packages",
        "source_root": None,
        "source_prefixes": "",
        "source_hint": None,
        "image_tag": None,
        "trainer_image": "europe-west4-docker.pkg.dev/p/perennial/trainer:0.1.0",
        "trainer_gpu_image": "europe-west4-docker.pkg.dev/p/perennial/trainer-gpu:0.1.0",
        "trainer_tpu_image": None,
        "expect_accelerators": True,
        "serving_image": "europe-west4-docker.pkg.dev/p/perennial/serving:0.1.0",
        "serving_machine": "n1-standard-2",
        "service_account": None,
        "serving_service_account": None,
        "infrastructure_file": None,
        "tiers_file": None,
        "connection_id": "google_cloud_default",
        "poll_seconds": 10.0,
        "data_poll_seconds": 900.0,
        "tensorboard_url": None,
        "mlflow_tracking_uri": None,
        "notifier": None,
        "notifier_arguments": {},
    }


@pytest.mark.parametrize("variable", sorted(REQUIRED))
def test_from_environment_without_a_required_variable_names_it(variable: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{variable}: expected .*, received nothing"):
        Settings.from_environment({**REQUIRED, variable: " "})


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan"])
def test_from_environment_with_an_impossible_wait_names_variable_and_value(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"PERENNIAL_POLL_SECONDS: .* received '{text}'"):
        Settings.from_environment({**REQUIRED, "PERENNIAL_POLL_SECONDS": text})


def test_from_environment_reads_a_notifiers_arguments() -> None:
    given = {"PERENNIAL_NOTIFIER": "a.Notifier", "PERENNIAL_NOTIFIER_ARGUMENTS": '{"to": "team"}'}
    settings = Settings.from_environment({**REQUIRED, **given})
    assert (settings.notifier, settings.notifier_arguments) == ("a.Notifier", {"to": "team"})


@pytest.mark.parametrize("text", ["to team", "[1]"])
def test_from_environment_with_arguments_that_are_no_object_names_them(text: str) -> None:
    with pytest.raises(ConfigurationError, match="PERENNIAL_NOTIFIER_ARGUMENTS: expected a JSON object"):
        Settings.from_environment({**REQUIRED, "PERENNIAL_NOTIFIER_ARGUMENTS": text})


def test_from_environment_with_a_uri_for_a_bucket_names_it() -> None:
    with pytest.raises(ConfigurationError, match="PERENNIAL_BUCKET: expected a name without gs://"):
        Settings.from_environment({**REQUIRED, "PERENNIAL_BUCKET": "gs://b"})


@pytest.mark.parametrize("text", ["Dev", "a--b", "production-eu"])
def test_from_environment_with_a_deployment_that_can_not_be_in_ids_names_it(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"PERENNIAL_DEPLOYMENT: expected .*, received '{text}'"):
        Settings.from_environment({**REQUIRED, "PERENNIAL_DEPLOYMENT": text})


@pytest.mark.parametrize(
    "uri",
    ["http://user:hunter2@mlflow.example:5000/a", "user:hunter2@mlflow.example", "https://user:hunter2/3@[x"],
)
def test_from_environment_repeats_no_password_of_a_tracking_server(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="PERENNIAL_MLFLOW_TRACKING_URI: expected") as caught:
        Settings.from_environment({**REQUIRED, "PERENNIAL_MLFLOW_TRACKING_URI": uri})
    assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("uri", ["https://mlflow.example:5000/a", "sqlite:////data/mlflow.db", "databricks"])
def test_from_environment_takes_a_tracking_server_without_a_user(uri: str) -> None:
    settings = Settings.from_environment({**REQUIRED, "PERENNIAL_MLFLOW_TRACKING_URI": uri})
    assert settings.mlflow_tracking_uri == uri


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    table = (Path(__file__).parents[3] / "docs/cloud.md").read_text()
    documented = re.findall(r"^\| `(PERENNIAL_\w+)` \|", table, re.MULTILINE)
    assert sorted(documented) == sorted(f"PERENNIAL_{name.upper()}" for name in Settings.model_fields)


@pytest.mark.parametrize(
    ("image", "tag", "version"),
    [
        ("h/p/r/trainer:0.2.0", "", "0.2.0"),
        ("h/p/r/trainer@sha256:aa", "0123456789ab", "0123456789ab"),
        ("h/p/r/trainer@sha256:aa", "", "aa"),
    ],
)
def test_trainer_version_is_a_tag_where_there_is_one(image: str, tag: str, version: str) -> None:
    variables = {**REQUIRED, "PERENNIAL_TRAINER_IMAGE": image}
    if tag:
        variables["PERENNIAL_IMAGE_TAG"] = tag
    assert Settings.from_environment(variables).trainer_version == version
