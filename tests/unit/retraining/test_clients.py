"""Google's clients, as the chain makes them."""

from __future__ import annotations

import os

import pytest
from google.auth.credentials import AnonymousCredentials

from retraining.google import storage_client


@pytest.mark.parametrize(
    ("variables", "proxies"),
    [
        ({}, {}),
        ({"HTTPS_PROXY": "http://proxy:1"}, {"https": "http://proxy:1"}),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "storage.googleapis.com"}, {}),
    ],
)
def test_storage_client_goes_through_the_proxy_of_its_environment(monkeypatch, variables, proxies):
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    session = storage_client("p", AnonymousCredentials())._http

    assert session.proxies == proxies


def test_storage_client_trusts_the_certificates_of_its_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authorities.pem"))

    assert storage_client("p", AnonymousCredentials())._http.verify == str(tmp_path / "authorities.pem")
