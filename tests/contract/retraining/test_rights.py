"""No right of `infra/permissions.toml` is left over: what Airflow does in the life of a dataset uses all."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

from contract import RolloutSpec
from local import accounts
from retraining import purge
from retraining.preflight import __main__ as preflight
from retraining_chain import SNAPSHOT, picture, wait_for

ELSEWHERE = {"iam.serviceAccounts.getAccessToken"}
"""Of setups in which the connection impersonates Airflow's account: test_connection.py."""


def look_before_the_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What preflight asks by the settings: an image by its tag or digest, a network or a subnetwork."""
    file = tmp_path / "infrastructure.toml"
    region = "regions/us-central1"
    file.write_text(
        f'[dataflow]\nsubnetwork = "{region}/subnetworks/default"\n'
        f'[training]\nnetwork_attachment = "projects/p/{region}/networkAttachments/ml"\n'
    )
    image = "us-central1-docker.pkg.dev/p/perennial-tests/chain_server"
    for variables in (
        {},
        {"INFRASTRUCTURE_FILE": str(file), "SERVING_IMAGE": f"{image}@sha256:{'0' * 64}"},
    ):
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(f"PERENNIAL_{name}", value)
            preflight.main(["--json"])


@pytest.mark.slow
def test_no_right_is_left_over_and_none_is_missing(
    chain: Any, packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_PACKAGES", str(packages))
    look_before_the_first_run(tmp_path, monkeypatch)
    chain.fill([b"no picture"])
    with pytest.raises(AirflowException, match="rejected"):
        chain.execute(chain.converter(SNAPSHOT))
    chain.fill([picture(number) for number in range(60)])
    chain.execute(chain.converter(SNAPSHOT))
    chain.fault("slow_start", delay_seconds=60)
    conversion = chain.with_params(reconvert=True).converter(SNAPSHOT)
    timer = threading.Timer(0.5, conversion.on_kill)
    timer.start()
    with pytest.raises(AirflowException, match="cancelled"):
        conversion.execute(chain.with_params(reconvert=True).context)
    timer.join()

    chain.train()
    for operator, params in ((chain.trainer(), {}), (chain.tuner(), {"tune": True})):
        before = len(chain.jobs())
        waiting = chain.other_run("manual__2").with_params(until=str(tmp_path / "never"), **params)
        killer = threading.Thread(
            target=lambda operator=operator, before=before: (
                wait_for(lambda: len(chain.jobs()) > before),
                operator.on_kill(),
            )
        )
        killer.start()
        with pytest.raises(AirflowException, match=r"CANCELLED|killed"):
            operator.execute(waiting.context)
        killer.join()

    chain.promoted("manual__0")
    run = chain.with_spec(rollout=RolloutSpec(steps=(50, 100), wait_minutes=0.01))
    job_dir = run.trained(production_version="1", production_model="gs://b/m/")
    version = run.create_version(job_dir)["name"]
    assert run.smoke(version, job_dir)["requests"]
    assert run.promote(version, job_dir)["promoted"]
    assert purge.main(["--dataset", "flowers", "--yes", "--with-production"]) == 0

    unused, lacking = accounts.differences(SimpleNamespace(emulator=chain.emulator.root))  # type: ignore[arg-type]
    assert sorted(right.permission for right in unused if right.account == "perennial-airflow") == []
    assert sorted(right.permission for right in unused if right.permission not in ELSEWHERE) == []
    assert [right for right in lacking if right.account != "perennial-serving"] == []
