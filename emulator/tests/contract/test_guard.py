"""Requests of a web page in a browser of this machine, against the whole emulator."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

FAULT = '{"target": "storage.buckets.list", "http_status": 503}'


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"origin": "http://attacker.example", "content-type": "text/plain"}, "Origin"),
        ({"origin": "null", "content-type": "application/x-www-form-urlencoded"}, "Origin"),
        ({"host": "attacker.example"}, "Host"),
        ({"sec-fetch-site": "cross-site"}, "Sec-Fetch-Site"),
        ({"sec-fetch-site": "same-site"}, "Sec-Fetch-Site"),
    ],
)
def test_request_of_a_web_page_changes_nothing(emulator: Any, headers: dict[str, str], named: str) -> None:
    url = f"{emulator.url}/_emulator/faults"

    credentials = {"authorization": f"Bearer {emulator.token()}"}

    answer = httpx.post(url, content=FAULT, headers=headers | credentials)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (403, 403, "PERMISSION_DENIED")
    assert error["message"].startswith(f"{named}: ")
    assert emulator.faults() == []


def test_request_of_a_web_page_is_refused_before_its_body_is_read(emulator: Any) -> None:
    head = (
        "POST /upload/storage/v1/b/bucket/o?uploadType=media&name=x HTTP/1.1\r\nHost: attacker.example\r\n"
        "Content-Length: 1000000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert connection.recv(12) == b"HTTP/1.1 403"


def test_unknown_path_of_a_web_page_is_refused_as_well(emulator: Any) -> None:
    assert httpx.get(f"{emulator.url}/nowhere", headers={"origin": "null"}).status_code == 403


def test_upgrade_to_a_web_socket_of_a_web_page_is_refused(emulator: Any) -> None:
    headers = {
        "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "origin": "http://attacker.example",
    }  # fmt: skip
    assert httpx.get(f"{emulator.url}/health", headers=headers).status_code == 403


def test_allowed_host_is_served(emulator_factory: Callable[..., Any]) -> None:
    emulator = emulator_factory("--allow-host", "emulator.internal")
    for host, status in {"emulator.internal:80": 200, "other.internal": 403}.items():
        assert httpx.get(f"{emulator.url}/health", headers={"host": host}).status_code == status
