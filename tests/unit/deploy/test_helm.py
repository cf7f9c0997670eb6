"""The values for Airflow's official Helm chart."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from retraining.settings import PREFIX, Settings

CHECKOUT = Path(__file__).parents[3]
FILE = CHECKOUT / "deploy" / "helm" / "values.yaml"
VALUES: dict[str, Any] = yaml.safe_load(FILE.read_text())
CHART = os.environ.get("HELM_CHART")
"""Folder of the unpacked chart: `helm pull apache-airflow/airflow --version 1.22.0 --untar`."""


def image(rendered: dict[str, Any]) -> str:
    return f"{rendered['repository']}:{rendered['tag']}"


def test_every_pod_has_the_image_of_ours_that_holds_everything() -> None:
    assert VALUES["images"]["airflow"] == VALUES["images"]["pod_template"]
    target = VALUES["images"]["airflow"]["repository"].rpartition("/")[2]
    assert f" AS {target}\n" in (CHECKOUT / "Dockerfile").read_text()


def test_version_is_that_of_the_image() -> None:
    locked = tomllib.loads((CHECKOUT / "uv.lock").read_text())["package"]
    assert VALUES["airflowVersion"] in [one["version"] for one in locked if one["name"] == "apache-airflow"]


def test_secrets_are_named_and_no_password_is_made() -> None:
    secrets = ["fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName"]
    assert all(VALUES[name] for name in secrets)
    assert VALUES["data"] == {"metadataSecretName": "airflow-database"}
    assert VALUES["pgbouncer"]["configSecretName"]
    assert VALUES["createUserJob"] == {"enabled": False}


def test_components_that_talk_to_google_act_as_airflows_account() -> None:
    for component in ("scheduler", "apiServer", "dagProcessor", "triggerer", "workers"):
        annotations = VALUES[component]["serviceAccount"]["annotations"]
        assert annotations["iam.gke.io/gcp-service-account"].startswith("perennial-airflow@"), component


def test_what_only_the_official_image_has_is_not_used() -> None:
    for component in ("scheduler", "dagProcessor", "triggerer", "workers"):
        assert VALUES[component]["logGroomerSidecar"] == {"enabled": False}, component
    assert VALUES["statsd"] == {"enabled": False}


def test_environment_holds_settings_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {one["name"]: one["value"] for one in VALUES["env"] if one["name"].startswith(PREFIX)}
    assert {name.removeprefix(PREFIX).lower() for name in given} <= set(Settings.model_fields)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert Settings.from_environment().packages == "/opt/perennial-packages"


@pytest.mark.skipif(
    not (CHART and shutil.which("helm")), reason="needs helm, and the chart's folder in HELM_CHART"
)
def test_chart_renders_them() -> None:
    assert CHART
    full = json.loads(Path(CHART, "values.schema.json").read_text())
    jsonschema.validate(VALUES, full)
    done = subprocess.run(
        ["helm", "template", "airflow", CHART, "--values", str(FILE)],
        capture_output=True,
        text=True,
        check=True,
    )
    rendered = [one for one in yaml.safe_load_all(done.stdout) if one]
    deployments = {one["metadata"]["name"]: one["spec"] for one in rendered if one["kind"] == "Deployment"}
    assert deployments["airflow-scheduler"]["replicas"] == 2
    (template,) = (
        yaml.safe_load(one["data"]["pod_template_file.yaml"])
        for one in rendered
        if one["kind"] == "ConfigMap" and "pod_template_file.yaml" in one["data"]
    )
    (container,) = template["spec"]["containers"]
    assert container["image"] == image(VALUES["images"]["airflow"])
    assert not [one for one in rendered if one["kind"] == "Job" and "create-user" in one["metadata"]["name"]]
