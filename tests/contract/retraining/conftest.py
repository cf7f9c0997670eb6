"""The chain's operators, run against the emulator as a worker would run them."""

from __future__ import annotations

import itertools
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uv

from lossy_proxy import LossyProxy
from retraining.context import run_context
from retraining.errors import ForeignResourceError
from retraining.google import vertex_jobs
from retraining.google.endpoints import Endpoints
from retraining_chain import POLL_SECONDS, REGION, Chain

CHECKOUT = Path(__file__).parents[3]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def proxy(emulator: Any) -> Iterator[LossyProxy]:
    """Between the chain and the emulator, so that requests and answers can be lost."""
    proxy = LossyProxy(emulator.port)
    yield proxy
    proxy.close()


@pytest.fixture
def chain(
    emulator: Any,
    proxy: LossyProxy,
    airflow_connection: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Chain]:
    """A run whose connection and settings are in the environment."""
    chain = Chain(emulator, proxy, f"retraining-{next(_numbers)}")
    chain.file(f"gs://{chain.bucket}/").mkdir(parents=True)
    proxy.mend()
    images = f"{REGION}-docker.pkg.dev/{chain.project}/perennial-tests"
    connection = airflow_connection(
        emulator,
        vertex_ai_endpoint=proxy.url,
        dataflow_endpoint=emulator.url,
        logging_endpoint=proxy.url,
        monitoring_endpoint=emulator.url,
    )
    variables = {
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": connection,
        "STORAGE_EMULATOR_HOST": emulator.url,
        "PERENNIAL_PROJECT": chain.project,
        "PERENNIAL_REGION": REGION,
        "PERENNIAL_BUCKET": chain.bucket,
        "PERENNIAL_PACKAGES": "/nowhere",
        "PERENNIAL_SOURCE_PREFIXES": f"{tempfile.gettempdir()},gs://{chain.bucket}",
        "PERENNIAL_TRAINER_IMAGE": f"{images}/chain_trainer:0.1.0",
        "PERENNIAL_SERVING_IMAGE": f"{images}/chain_server:0.1.0",
        "PERENNIAL_SERVICE_ACCOUNT": emulator.email("perennial-jobs"),
        "PERENNIAL_SERVING_SERVICE_ACCOUNT": emulator.email("perennial-serving"),
        "PERENNIAL_POLL_SECONDS": str(POLL_SECONDS),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(vertex_jobs, "SETTLE_SECONDS", 1.5)
    yield chain
    proxy.mend()
    left = emulator.faults()
    emulator.clear_faults()
    with run_context(chain.context) as context:
        endpoints = Endpoints(context.clients, poll_seconds=POLL_SECONDS)
        for endpoint in ("flowers", "flowers-candidate"):
            with suppress(ForeignResourceError):
                endpoints.clear(endpoint, context.names("flowers"), report=lambda _: None)
    assert not left, "a fault that was asked for did not happen"


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdists that Dataflow's workers install."""
    folder = tmp_path_factory.mktemp("packages")
    for package in ("perennial-contract", "perennial-preprocessing"):
        command = [uv.find_uv_bin(), "build", "--quiet", "--sdist", "--package", package]
        subprocess.run([*command, "--out-dir", str(folder)], cwd=CHECKOUT, check=True)
    return folder
