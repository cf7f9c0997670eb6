"""A whole conversion by each kind of connection: each request is made as the account that it names."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden
from PIL import Image

from emulator.iam import audit
from retraining.context import run_context
from retraining_chain import SNAPSHOT

AIRFLOW, JOBS, WORKER = "perennial-airflow", "perennial-jobs", "perennial-worker"


def connect(monkeypatch: pytest.MonkeyPatch, emulator: Any, **extra: Any) -> None:
    """Change the connection's credentials; what this process itself could log in with is gone."""
    connection = json.loads(os.environ["AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"])
    del connection["extra"]["key_path"]
    connection["extra"] |= extra
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(emulator.key_file("owner")))


@pytest.fixture(
    params=["key file", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("key", "impersonation"))]
)
def connected(request: pytest.FixtureRequest, chain: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A chain whose connection holds the rights of Airflow's account in one way or another."""
    emulator = chain.emulator
    key = emulator.key_file(AIRFLOW)
    extras: dict[str, dict[str, Any]] = {
        "key file": {"key_path": str(key)},
        "key": {"keyfile_dict": key.read_text()},
        "impersonation": {
            "key_path": str(emulator.key_file(WORKER)), "impersonation_chain": emulator.email(AIRFLOW),
        },
    }  # fmt: skip
    connect(monkeypatch, emulator, **extras[request.param])
    return chain


def uses(chain: Any) -> list[tuple[str, str]]:
    """Account and method of every request that named the chain's project or bucket, oldest first."""
    return [
        (entry["protoPayload"]["authenticationInfo"]["principalEmail"].partition("@")[0],
         entry["protoPayload"]["methodName"])
        for entry in audit.read(chain.emulator.root)
        if chain.project in entry["protoPayload"]["resourceName"]
    ]  # fmt: skip


def test_conversion_acts_as_the_account_of_the_connection(
    connected: Any, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_PACKAGES", str(packages))
    raw = connected.file(f"gs://{connected.bucket}/datasets/flowers/raw/{SNAPSHOT}")
    for number in range(40):
        encoded = io.BytesIO()
        Image.new("RGB", (24, 16), (number * 4, 99, 255 - number * 4)).save(encoded, "JPEG")
        path = raw / ("daisy", "roses")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded.getvalue())

    result = connected.execute(connected.converter(SNAPSHOT))

    assert sum(result["records"].values()) == 40
    asked = uses(connected)
    assert {account for account, _ in asked} == {AIRFLOW, JOBS}
    submission = {"dataflow.projects.locations.jobs.create", "dataflow.projects.locations.jobs.get"}
    assert submission | {"storage.buckets.get"} <= {method for account, method in asked if account == AIRFLOW}
    assert "storage.objects.insert" in {method for account, method in asked if account == JOBS}
    assert submission.isdisjoint({method for account, method in asked if account == JOBS})


def test_connection_that_may_not_impersonate_is_refused(chain: Any) -> None:
    extra = {
        "key_path": str(chain.emulator.key_file(WORKER)),
        "impersonation_chain": chain.emulator.email(JOBS),
    }
    with pytest.MonkeyPatch.context() as patch:
        connect(patch, chain.emulator, **extra)
        with (
            pytest.raises(Exception, match=r"iam\.serviceAccounts\.getAccessToken"),
            run_context(chain.context) as context,
        ):
            context.storage.exists(f"gs://{chain.bucket}/x")


def test_connection_of_an_account_without_rights_is_refused(chain: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        connect(patch, chain.emulator, key_path=str(chain.emulator.key_file(WORKER)))
        with pytest.raises(Forbidden, match=f"{WORKER}@"), run_context(chain.context) as context:
            context.storage.read_text(f"gs://{chain.bucket}/x")
