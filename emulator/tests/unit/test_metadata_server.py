"""Metadata server, asked by google-auth in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from emulator.dispatch import Dispatcher
from emulator.faults import Faults
from emulator.metadata_server import MetadataServer, metadata_variables
from emulator.routing import Router
from emulator.state import State

ACCOUNT = "perennial-jobs@some-project.iam.gserviceaccount.com"
ASK = """
import google.auth, google.auth.transport.requests
credentials, project = google.auth.default()
credentials.refresh(google.auth.transport.requests.Request())
print(project, credentials.service_account_email, credentials.token)
"""


async def admit(_request, _match) -> None:
    return


@pytest.fixture
def metadata() -> MetadataServer:
    return MetadataServer(
        b"secret",
        lambda account: f"token-of-{account}",
        lambda account, audience: f"identity-of-{account}-for-{audience}",
    )


@pytest.fixture
def host(metadata, tmp_path) -> Iterator[str]:
    state = State(tmp_path / "state.sqlite")
    dispatcher = Dispatcher(Router(metadata.routes), Faults(state), admit)
    server = uvicorn.Server(uvicorn.Config(dispatcher, port=0, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"localhost:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
    state.close()


def test_google_auth_finds_the_project_account_and_token_at_once(metadata, host, tmp_path):
    environment = {
        **os.environ,
        **metadata_variables(b"secret", host, project="some-project", account=ACCOUNT),
    }
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "NO_GCE_CHECK", "GOOGLE_CLOUD_PROJECT"):
        environment.pop(name, None)
    environment |= {"CLOUDSDK_CONFIG": str(tmp_path / "no gcloud here"), "NO_PROXY": "localhost"}
    began = time.monotonic()
    asked = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True
    )
    assert asked.stdout.split() == ["some-project", ACCOUNT, f"token-of-{ACCOUNT}"]
    assert time.monotonic() - began < 15


def test_request_without_the_header_of_another_or_with_a_forged_address_is_refused(metadata, host):
    variables = metadata_variables(b"secret", host, project="p", account=ACCOUNT)
    url = (
        f"http://{variables['GCE_METADATA_HOST']}/computeMetadata/v1/instance/service-accounts/default/token"
    )
    flavor = {"Metadata-Flavor": "Google"}
    assert httpx.get(url, headers=flavor).json()["access_token"] == f"token-of-{ACCOUNT}"
    assert httpx.get(url).status_code == 403
    assert httpx.get(url, headers={**flavor, "X-Forwarded-For": "1.2.3.4"}).status_code == 403
    forged = metadata_variables(b"another", host, project="p", account=ACCOUNT)["GCE_METADATA_HOST"]
    assert httpx.get(f"http://{forged}", headers=flavor).status_code == 404
    identity = url.replace("token", "identity")
    assert httpx.get(identity, headers=flavor).status_code == 400
    answer = httpx.get(identity, params={"audience": "https://a.example", "format": "full"}, headers=flavor)
    assert answer.text == f"identity-of-{ACCOUNT}-for-https://a.example"
    other = url.replace("default", "owner@some-project.iam.gserviceaccount.com")
    assert httpx.get(other, headers=flavor).status_code == 404
