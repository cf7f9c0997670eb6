"""Credentials of an Airflow connection: for Google's clients here, and for a process that is started.

A metadata server hands them on, as the machines of Google Cloud get theirs: whatever the connection holds (a
key, impersonation, workload identity, the machine's own account), Beam and every other library finds it.
https://cloud.google.com/compute/docs/access/authenticate-workloads#applications
"""

from __future__ import annotations

import json
import secrets
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
IAM_ENDPOINT = "iam_credentials_endpoint"
"""Extra of a connection that replaces https://iamcredentials.googleapis.com; the emulator's is named so."""

_FLAVOR = {"Metadata-Flavor": "Google"}
_METADATA = "/computeMetadata/v1/"
_ACCOUNT = "instance/service-accounts/default"


def connection_credentials(connection_id: str, extras: Mapping[str, Any]) -> Credentials:
    """Return the credentials of a connection: a key, an impersonated account, or the machine's own.

    Args:
        connection_id: the Airflow connection.
        extras: its extras.
    """
    from airflow.providers.google.common.hooks.base_google import GoogleBaseHook

    if IAM_ENDPOINT not in extras:
        return GoogleBaseHook(gcp_conn_id=connection_id).get_credentials()
    return _emulated_credentials(extras)


def _emulated_credentials(extras: Mapping[str, Any]) -> Credentials:
    """Return the same with another IAM endpoint, which Airflow's hook has no setting for.

    Service accounts' credentials ask Google's own host which regions they are bound to, whatever service they
    are used for (google-auth's "regional access boundary"). So their tokens alone go on from here.
    """
    from airflow.providers.google.cloud.utils.credentials_provider import get_credentials_and_project_id
    from google.auth import impersonated_credentials
    from google.oauth2.credentials import Credentials

    keyfile = extras.get("keyfile_dict")
    source, _ = get_credentials_and_project_id(
        key_path=extras.get("key_path"),
        keyfile_dict=json.loads(keyfile) if isinstance(keyfile, str) else keyfile,
        scopes=SCOPES,
    )
    chain = extras.get("impersonation_chain") or []
    accounts = [name.strip() for name in chain.split(",")] if isinstance(chain, str) else list(chain)
    if accounts:
        url = f"{extras[IAM_ENDPOINT]}/v1/projects/-/serviceAccounts/{accounts[-1]}:generateAccessToken"
        source = impersonated_credentials.Credentials(
            source, accounts[-1], SCOPES, delegates=accounts[:-1], iam_endpoint_override=url
        )

    def refresh(request: Any, scopes: Any) -> tuple[str, datetime]:  # noqa: ARG001 - the handler's signature
        source.refresh(request)
        return source.token, source.expiry

    return Credentials(token=None, refresh_handler=refresh, scopes=list(SCOPES))


@contextmanager
def handed_on(credentials: Credentials, project: str) -> Iterator[dict[str, str]]:
    """Serve credentials to the processes that this one starts, by a metadata server on loopback.

    Its address holds a secret that only those processes are told.

    Args:
        credentials: the credentials.
        project: the project of processes that name none.

    Yields:
        The variables that make Google's libraries take these credentials and no others; an empty one is to be
        removed from the environment.
    """
    secret = f"/{secrets.token_urlsafe(32)}"
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(credentials, project, secret))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"127.0.0.1:{server.server_port}{secret}"
    try:
        # Without it, gcloud's own login on this machine would come before the metadata server.
        with tempfile.TemporaryDirectory(prefix="perennial-gcloud-") as configuration:
            yield {
                "CLOUDSDK_CONFIG": configuration,
                "GCE_METADATA_HOST": address,
                "GCE_METADATA_IP": address,
                "GOOGLE_APPLICATION_CREDENTIALS": "",
                "NO_GCE_CHECK": "",
            }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(credentials: Credentials, project: str, secret: str) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    def token() -> dict[str, Any]:
        import requests
        from google.auth.transport.requests import Request

        with lock:
            if not credentials.valid:
                with requests.Session() as session:
                    credentials.refresh(Request(session))
            expiry = credentials.expiry.replace(tzinfo=UTC) if credentials.expiry else None
        seconds = (expiry - datetime.now(UTC)).total_seconds() if expiry else 3600.0
        return {"access_token": credentials.token, "expires_in": int(seconds), "token_type": "Bearer"}

    def answer(path: str) -> str | None:
        if path == "project/project-id":
            return project
        if path == f"{_ACCOUNT}/token":
            return json.dumps(token())
        if path == f"{_ACCOUNT}/":
            email = getattr(credentials, "service_account_email", "default")
            return json.dumps({"aliases": ["default"], "email": email, "scopes": list(SCOPES)})
        return "" if not path else None

    class Handler(BaseHTTPRequestHandler):
        """Handler of the paths that Google's libraries ask for."""

        def do_GET(self) -> None:
            """Answer a request of a process that knows the secret."""
            path = self.path.partition("?")[0]
            text = None
            if path.startswith(secret) and self.headers.get("Metadata-Flavor") == "Google":
                text = answer(path.removeprefix(secret).removeprefix(_METADATA))
            body = (text or "").encode()
            self.send_response(HTTPStatus.OK if text is not None else HTTPStatus.NOT_FOUND)
            for name, value in _FLAVOR.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json" if body.startswith(b"{") else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            """Log nothing: the path holds the secret."""

    return Handler
