"""The guard of an API server without logins."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from retraining.ui.site_guard import SiteGuard, site_guard

LINK = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}


def answer(method: str = "GET", **headers: str) -> Response:
    async def show(_request: Request) -> Response:
        return JSONResponse({"admin": True}, headers={"Content-Security-Policy": "default-src 'none'"})

    app = Starlette(routes=[Route("/auth/token", show, methods=["GET", "POST"])])
    client = TestClient(SiteGuard(app, allowed_hosts=frozenset({"localhost", "127.0.0.1"})))
    sent = {"host": "localhost:8080"} | {name.replace("_", "-"): value for name, value in headers.items()}
    found: Any = client.request(method, "http://localhost:8080/auth/token", headers=sent)
    return found


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:8080"])
def test_own_names_are_served(host: str) -> None:
    assert answer(host=host).status_code == 200


@pytest.mark.parametrize(
    "host", ["attacker.example:8080", "attacker.example", "localhost.attacker.example", ""]
)
def test_other_names_are_refused(host: str) -> None:
    found = answer(host=host)
    assert found.status_code == 403
    assert "admin" not in found.text
    assert found.text.startswith("Host: expected one of 127.0.0.1, localhost, received ")


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("POST", {"sec-fetch-site": "same-origin", "origin": "http://localhost:8080"}, 200),
        ("GET", LINK, 200),
        ("POST", LINK, 403),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe"}, 403),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "empty"}, 403),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-dest": "image"}, 403),
        ("POST", {"origin": "http://attacker.example"}, 403),
        ("POST", {"origin": "null"}, 403),
    ],
)
def test_other_sites_may_only_link_here(method: str, headers: dict[str, str], status: int) -> None:
    assert answer(method, **headers).status_code == status


def test_pages_are_framed_by_this_site_alone() -> None:
    assert answer().headers.get_list("content-security-policy") == [
        "default-src 'none'",
        "frame-ancestors 'self'",
    ]


def test_guard_stands_where_hosts_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERENNIAL_ALLOWED_HOSTS", raising=False)
    assert site_guard() == []
    monkeypatch.setenv("PERENNIAL_ALLOWED_HOSTS", "localhost, Airflow.internal")
    (entry,) = site_guard()
    assert entry["kwargs"] == {"allowed_hosts": {"localhost", "airflow.internal"}}
