"""Credentials that are handed on to another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from google.oauth2.credentials import Credentials

from retraining.google.credentials import connection_credentials, handed_on

SHOW = """
import google.auth, google.auth.transport.requests, json
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
credentials.refresh(google.auth.transport.requests.Request())
print(json.dumps([type(credentials).__module__, credentials.token, project]))
"""


def source() -> tuple[Any, list[str]]:
    """Credentials whose tokens last for an hour, and the tokens that they made."""
    made: list[str] = []

    def refresh(_request: Any, scopes: Any) -> tuple[str, datetime]:
        assert scopes
        made.append(f"token-{len(made)}")
        return made[-1], datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)

    return Credentials(token=None, refresh_handler=refresh, scopes=["s"]), made


def test_process_finds_the_credentials_and_no_others() -> None:
    credentials, made = source()
    with handed_on(credentials, "a-project") as variables:
        environment = {**os.environ, "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere", "NO_GCE_CHECK": "true"}
        environment |= variables
        done = subprocess.run(
            [sys.executable, "-c", SHOW],
            env={name: value for name, value in environment.items() if value},
            capture_output=True,
            text=True,
            check=True,
        )
    kind, token, project = json.loads(done.stdout)
    assert (kind, token, project) == ("google.auth.compute_engine.credentials", "token-0", "a-project")
    assert made == ["token-0"]


def test_server_answers_those_who_know_its_secret_and_is_gone_afterwards() -> None:
    credentials, made = source()
    with handed_on(credentials, "a-project") as variables:
        address = f"http://{variables['GCE_METADATA_HOST']}"
        path = "computeMetadata/v1/instance/service-accounts/default/token"
        host = address.split("/")[2]
        flavor = {"Metadata-Flavor": "Google"}
        assert httpx.get(f"{address}/{path}", headers=flavor).json()["access_token"] == "token-0"
        assert httpx.get(f"{address}/{path}").status_code == 404
        assert httpx.get(f"http://{host}/{path}", headers=flavor).status_code == 404
        assert httpx.get(f"{address}/computeMetadata/v1/instance/id", headers=flavor).status_code == 404
    assert made == ["token-0"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, headers=flavor)


def test_connection_without_an_emulator_is_airflows_own_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.google.common.hooks.base_google import GoogleBaseHook

    monkeypatch.setenv("AIRFLOW_CONN_MY_CONNECTION", "google-cloud-platform://")
    monkeypatch.setattr(GoogleBaseHook, "get_credentials", lambda hook: hook.gcp_conn_id)
    assert connection_credentials("my_connection", {"key_path": "/k.json"}) == "my_connection"
