"""`convert_to_tfrecord` against the emulator's Dataflow."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from retraining.context import run_context
from retraining_chain import SNAPSHOT, SPEC, picture, wait_for

STATISTICS = {
    "records": {"train": 9, "validation": 1},
    "rejected": {"truncated": 1},
    "labels": {},
    "numbers": {},
    "words": {},
}


def data_dir(chain: Any) -> str:
    return f"gs://{chain.bucket}/datasets/flowers/tfrecord/{SPEC.contract.conversion_key(SNAPSHOT)}/"


def commit(chain: Any) -> None:
    chain.write(data_dir(chain) + "statistics.json", json.dumps(STATISTICS))
    chain.write(data_dir(chain) + "dataset_info.json", "{}")


def jobs(chain: Any) -> list[Any]:
    with run_context(chain.context) as context:
        place = {"project_id": chain.project, "location": "us-central1"}
        return list(context.clients.dataflow_jobs.list_jobs(request=place))


def states(chain: Any) -> list[str]:
    return [job.current_state.name for job in jobs(chain)]


def test_convert_of_committed_records_makes_no_job_and_says_why(chain: Any) -> None:
    commit(chain)
    result = chain.execute(chain.converter(SNAPSHOT))
    assert result == {
        "data_dir": data_dir(chain),
        "key": SPEC.contract.conversion_key(SNAPSHOT),
        "job": None,
        "converted": False,
        "records": {"train": 9, "validation": 1},
        "rejected": {"truncated": 1},
        "note": f"nothing to convert: snapshot {SNAPSHOT} is already at {data_dir(chain)}",
    }
    assert jobs(chain) == []


@pytest.mark.parametrize("split", ["train", "validation"])
def test_convert_without_records_in_a_split_fails_before_any_training(chain: Any, split: str) -> None:
    commit(chain)
    found = STATISTICS | {"records": {"train": 9, "validation": 1, split: 0}}
    chain.write(data_dir(chain) + "statistics.json", json.dumps(found))
    with pytest.raises(AirflowFailException, match=f"expected records for {split}"):
        chain.execute(chain.converter(SNAPSHOT))


def test_convert_without_packages_fails_at_once_and_names_the_setting(chain: Any) -> None:
    with pytest.raises(AirflowFailException, match=r"PERENNIAL_PACKAGES: .* in /nowhere, received \[\]"):
        chain.execute(chain.converter(SNAPSHOT))


def test_convert_uses_the_deployments_network_image_machines_and_interpreter(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ntouch {tmp_path}/used\nexec {sys.executable} "$@"\n')
    file = tmp_path / "infrastructure.toml"
    file.write_text(
        f"""
        [labels]
        cost_center = "ml-platform"
        [dataflow]
        network = "corp"
        use_public_ips = false
        machine_type = "n2-standard-4"
        max_workers = 3
        container_image = "there/beam:1"
        python = "sh {python}"
        """
    )
    monkeypatch.setenv("PERENNIAL_INFRASTRUCTURE_FILE", str(file))
    chain.fill([picture(1)])
    with pytest.raises(AirflowException, match="'global/networks/corp'"):
        chain.execute(chain.converter(SNAPSHOT))
    assert (tmp_path / "used").exists()
    (made,) = jobs(chain)
    environment = json.loads((chain.emulator.root / "jobs" / made.id / "job.json").read_text())["environment"]
    assert made.labels["cost_center"] == "ml-platform"
    (pool,) = environment["workerPools"]
    assert pool["network"] == "corp"
    assert pool["ipConfiguration"] == "WORKER_IP_PRIVATE"
    assert pool["machineType"] == "n2-standard-4"
    assert int(pool["autoscalingSettings"]["maxNumWorkers"]) == 3
    assert pool["sdkHarnessContainerImages"][0]["containerImage"] == "there/beam:1"
    assert not any("perennial" in package["name"] for package in pool.get("packages", []))


def test_convert_that_can_not_be_submitted_shows_the_programs_last_lines(
    chain: Any, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_PACKAGES", str(packages))
    chain.fault("dataflow.projects.locations.jobs.create", http_status=400, count=1)
    with pytest.raises(
        AirflowException, match=r"preprocessing.main exited with 1: .*A fault that was asked for"
    ):
        chain.execute(chain.converter(SNAPSHOT))


def test_convert_runs_one_job_for_two_runs_with_packages_from_the_bucket(
    chain: Any, packages: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chain.fill([picture(number) for number in range(60)])
    shelf = chain.file(f"gs://{chain.bucket}/packages")
    shutil.copytree(packages, shelf)
    shutil.copytree(packages, shelf / "0123456789ab")  # another commit's
    monkeypatch.setenv("PERENNIAL_PACKAGES", f"gs://{chain.bucket}/packages")
    # The submitting process ends later than such a small job on a busy machine.
    chain.fault("slow_start", delay_seconds=10)
    with run_context(chain.context) as context:
        started = chain.converter(SNAPSHOT).start(context)
    result = chain.other_run("manual__2").execute(chain.converter(SNAPSHOT))
    assert f"Adopted {started}" in capsys.readouterr().out
    assert (result["job"], result["converted"]) == (started, True)
    assert sum(result["records"].values()) == 60
    (job,) = jobs(chain)
    assert job.labels["perennial_dataset"] == "flowers"
    assert chain.file(result["data_dir"] + "dataset_info.json").exists()
    again = chain.execute(chain.converter(SNAPSHOT))
    assert (again["job"], again["data_dir"]) == (None, result["data_dir"])


@pytest.mark.slow
def test_convert_anew_leaves_the_records_that_there_are_and_is_found_again(
    chain: Any, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.fill([picture(number) for number in range(60)])
    monkeypatch.setenv("PERENNIAL_PACKAGES", str(packages))
    commit(chain)
    anew = chain.with_params(reconvert=True)
    result = anew.execute(anew.converter(SNAPSHOT))
    assert result["converted"]
    assert result["data_dir"] != data_dir(chain)
    assert sum(result["records"].values()) == 60
    assert chain.file(data_dir(chain) + "dataset_info.json").read_text() == "{}"
    again = anew.execute(anew.converter(SNAPSHOT))
    assert (again["converted"], again["data_dir"]) == (False, result["data_dir"])
    with run_context(anew.other_run("manual__2").context) as context:
        assert anew.converter(SNAPSHOT).key(context) != result["key"]


@pytest.mark.slow
def test_convert_of_unusable_pictures_fails_at_once_with_their_number(
    chain: Any, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.fill([f"no picture {number}".encode() for number in range(4)])
    monkeypatch.setenv("PERENNIAL_PACKAGES", str(packages))
    with pytest.raises(
        AirflowFailException, match=r"^flowers: 4 of 4 files rejected .*: 4 not_an_image\. First: gs"
    ):
        chain.execute(chain.converter(SNAPSHOT))


def test_convert_that_is_killed_while_it_submits_cancels_its_job(
    chain: Any, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.fill([picture(number) for number in range(60)])
    monkeypatch.setenv("PERENNIAL_PACKAGES", str(packages))
    chain.fault("slow_start", delay_seconds=60)
    operator = chain.converter(SNAPSHOT)
    timer = threading.Timer(0.5, operator.on_kill)
    timer.start()
    with pytest.raises(AirflowException, match=r"killed; .* is cancelled"):
        operator.execute(chain.context)
    timer.join()
    wait_for(lambda: states(chain) == ["JOB_STATE_CANCELLED"])


def test_convert_of_a_job_that_commits_nothing_fails(chain: Any) -> None:
    operator = chain.converter(SNAPSHOT)
    with (
        run_context(chain.context) as context,
        pytest.raises(
            AirflowException, match=r"some-job ended well, but .*dataset_info\.json does not exist"
        ),
    ):
        operator.result(context, "some-job")


@pytest.mark.slow
def test_convert_of_two_runs_that_start_at_the_same_moment_makes_one_job(
    chain: Any, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.fill([picture(number) for number in range(60)])
    monkeypatch.setenv("PERENNIAL_PACKAGES", str(packages))
    runs = [chain.other_run("backfill__1"), chain.other_run("backfill__2")]
    together = Barrier(len(runs))

    def first_try(run: Any) -> str | None:
        with run_context(run.context) as context:
            together.wait(60)
            try:
                started: str | None = chain.converter(SNAPSHOT).start(context)
            except AirflowException:
                return None  # refused by the service: Airflow tries again
            return started

    with ThreadPoolExecutor(len(runs)) as pool:
        started = set(pool.map(first_try, runs)) - {None}
    results = [run.execute(chain.converter(SNAPSHOT)) for run in runs]

    (job,) = started
    with run_context(chain.context) as context:
        place = {"project_id": chain.project, "location": "us-central1"}
        assert [found.id for found in context.clients.dataflow_jobs.list_jobs(request=place)] == [job]
    assert results[0]["data_dir"] == results[1]["data_dir"]
    assert sum(results[0]["records"].values()) == 60
