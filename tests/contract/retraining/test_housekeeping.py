"""Housekeeping against the emulator: what goes, and what stays."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from contract import naming
from retraining.context import run_context
from retraining.history import History
from retraining.housekeeping import Housekeeping, RetentionPolicy
from retraining.operators import housekeeping as operators
from retraining.operators.housekeeping import HousekeepingOperator
from retraining_chain import TaskInstance

POLICY = RetentionPolicy(keep_versions=1, keep_promoted=1)
SNAPSHOT = "5e5e5e5e5e5e5e5e"
DATA = "datasets/flowers/"


class Task(TaskInstance):
    """Task instance that knows which DAGs have a run under way."""

    def __init__(self, *running: str) -> None:
        super().__init__()
        self.running = running

    def get_dr_count(self, dag_id: str, states: Sequence[str]) -> int:
        return self.running.count(dag_id) if "running" in states else 0


@pytest.fixture
def chain(chain: Any) -> Any:
    return replace(chain, task=Task())


@pytest.fixture
def vertex(emulator: Any, vertex_of: Callable[[Any, str], Any], chain: Any) -> Any:
    return vertex_of(emulator, chain.project)


def in_a_hundred_days() -> datetime:
    return datetime.now(UTC) + timedelta(days=100)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is a hundred days ahead."""
    monkeypatch.setattr(operators, "utc_now", in_a_hundred_days)


def clean(chain: Any, policy: RetentionPolicy = POLICY, **params: Any) -> dict[str, Any]:
    operator = HousekeepingOperator(task_id="remove", policy=policy)
    context = {**chain.context, "params": params}
    result: dict[str, Any] = operator.execute(context)  # type: ignore[arg-type]
    return result


def trained(chain: Any, number: int, *, records: str = "", **flags: Any) -> tuple[Any, str]:
    """A run that has trained on records of its own, and its job's folder."""
    run = chain.other_run(f"manual__{number}")
    job_dir = run.trained(**flags)
    file = run.file(job_dir + "evaluation.json")
    folder = f"gs://{chain.bucket}/{DATA}tfrecord/{records or f'of-{number}'}/"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"data_dir": folder}))
    write(chain, f"{folder.removeprefix(f'gs://{chain.bucket}/')}a.tfrecord")
    return run, job_dir


def candidate(chain: Any, number: int, snapshot: str = "") -> str:
    """A version that was never in production; its folder."""
    run, job_dir = trained(chain, number)
    run.create_version(job_dir, snapshot=snapshot)
    return job_dir


def promoted(chain: Any, number: int, snapshot: str = "") -> str:
    """A version that took production from the one before, if there is one; its folder."""
    serving = next(iter(chain.serving()), "")
    compared = {"production_version": serving, "production_model": "gs://b/m/"} if serving else {}
    run, job_dir = trained(chain, number, **compared)
    assert run.promote(run.create_version(job_dir, snapshot=snapshot)["name"], job_dir)["promoted"]
    return job_dir


def write(chain: Any, *names: str) -> None:
    for name in names:
        chain.write(f"gs://{chain.bucket}/{name}", "x")


def runs(chain: Any) -> None:
    """Four versions: 1 and 2 were in production, 2 serves, 3 and 4 are candidates."""
    promoted(chain, 1)
    promoted(chain, 2, SNAPSHOT)
    candidate(chain, 3)
    candidate(chain, 4)
    write(chain, "dataflow/temp/old.tmp", "dataflow/staging/old.whl", f"{DATA}waiting/key/run")
    for snapshot in ("unused", SNAPSHOT):
        write(chain, f"{DATA}raw/{snapshot}/a.jpg", f"{DATA}ignored/{snapshot}.jsonl")
    write(chain, f"{DATA}tfrecord/unused/a.tfrecord")


def left(chain: Any) -> set[str]:
    root = chain.file(f"gs://{chain.bucket}/")
    return {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}


def folders(chain: Any, parent: str) -> set[str]:
    return {name.removeprefix(parent).split("/")[0] for name in left(chain) if name.startswith(parent)}


def ids(chain: Any) -> list[str]:
    return [version.version for version in chain.versions()]


def slug(chain: Any, number: int) -> str:
    return naming.run_slug(chain.run.dag_id, f"manual__{number}")


def deploy(chain: Any, endpoint: str, number: int, percent: int) -> None:
    with run_context(chain.context) as context:
        context.endpoints.ensure(endpoint, context.names("flowers"), chain.spec.serving)
        context.endpoints.deploy(
            endpoint,
            chain.versions()[number - 1],
            serving=context.serving(chain.spec),
            service_account=None,
            percent=percent,
        )


@contextmanager
def searching(chain: Any, **changes: Any) -> Iterator[Housekeeping]:
    """The search of the dataset, a hundred days ahead."""
    arguments = {
        "keep_replaced_minutes": 0.0,
        "now": in_a_hundred_days(),
        "is_under_way": lambda: False,
        "report": lambda _: None,
    }
    with run_context(chain.context) as context:
        yield Housekeeping(context, "flowers", POLICY, **arguments | changes)


@pytest.mark.slow
def test_dry_run_lists_everything_and_removes_nothing(
    chain: Any, later: None, capsys: pytest.CaptureFixture[str]
) -> None:
    runs(chain)
    before = left(chain)
    capsys.readouterr()
    listed = clean(chain)
    shown = capsys.readouterr().out
    assert (listed["removed"], listed["skipped"]) == (0, 0)
    assert left(chain) == before
    assert ids(chain) == ["1", "2", "3", "4"]
    with searching(chain) as search:
        items = search.find()
    assert listed["found"] == len(items) + 2
    assert [item for item in items if str(item) not in shown] == []
    assert all(
        f"gs://{chain.bucket}/dataflow/{folder}/ (1 objects)" in shown for folder in ("temp", "staging")
    )
    done = clean(chain, dry_run=False)
    assert (done["removed"], done["objects"]) == (listed["found"], listed["objects"])


def test_old_things_that_nothing_refers_to_go_and_all_else_stays(
    chain: Any, vertex: Any, later: None
) -> None:
    runs(chain)
    for number in (2, 3):
        labels = {**names(chain).labels, naming.RUN_LABEL: slug(chain, number)}
        vertex.run_job(labels=labels)
    result = clean(chain, dry_run=False)
    assert result["removed"] == result["found"]
    # 2 serves, a way back leads to 1, and 4 is the newest.
    assert ids(chain) == ["1", "2", "4"]
    assert chain.serving() == {"2": 100}
    kept = {slug(chain, number) for number in (1, 2, 4)}
    assert folders(chain, "runs/flowers/") == kept
    assert [job.labels[naming.RUN_LABEL] for job in chain.jobs()] == [slug(chain, 2)]
    assert folders(chain, f"{DATA}tfrecord/") == {"of-1", "of-2", "of-4"}
    assert folders(chain, f"{DATA}raw/") == {SNAPSHOT}
    assert folders(chain, f"{DATA}ignored/") == {f"{SNAPSHOT}.jsonl"}
    assert not folders(chain, f"{DATA}waiting/") | folders(chain, "dataflow/")
    assert len(chain.history()) == 2
    assert clean(chain, dry_run=False)["found"] == 0


def names(chain: Any) -> naming.DatasetNames:
    return naming.DatasetNames(deployment=naming.DEFAULT_DEPLOYMENT, bucket=chain.bucket, dataset="flowers")


def test_young_things_stay(chain: Any) -> None:
    runs(chain)
    before = left(chain)
    assert clean(chain, dry_run=False)["found"] == 0
    assert left(chain) == before


def test_folder_with_one_young_object_stays(chain: Any) -> None:
    write(chain, f"{DATA}raw/unused/old.jpg", f"{DATA}raw/unused/young.jpg", f"{DATA}raw/gone/old.jpg")
    age(chain, f"{DATA}raw/unused/old.jpg", days=100)
    age(chain, f"{DATA}raw/gone/old.jpg", days=100)
    assert clean(chain, dry_run=False)["removed"] == 1
    assert left(chain) == {f"{DATA}raw/unused/old.jpg", f"{DATA}raw/unused/young.jpg"}


def age(chain: Any, name: str, *, days: float) -> None:
    written = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    os.utime(chain.file(f"gs://{chain.bucket}/{name}"), (written, written))


@pytest.mark.slow
def test_candidate_that_was_left_deployed_and_a_replaced_version_are_taken_off(
    chain: Any, later: None
) -> None:
    runs(chain)
    deploy(chain, "flowers-candidate", 3, 100)
    deploy(chain, "flowers", 1, 0)
    assert chain.serving() == {"1": 0, "2": 100}
    clean(chain, dry_run=False)
    assert chain.serving("flowers-candidate") == {}
    assert chain.serving() == {"2": 100}
    assert ids(chain) == ["1", "2", "4"]
    assert clean(chain, dry_run=False)["found"] == 0


@pytest.mark.slow
def test_deployments_that_are_young_or_in_use_stay(chain: Any) -> None:
    runs(chain)
    deploy(chain, "flowers-candidate", 1, 100)
    deploy(chain, "flowers", 1, 0)
    soon = datetime.now(UTC) + timedelta(minutes=59)
    candidate_stays = {"is_under_way": lambda: True, "now": in_a_hundred_days()}, {"now": soon}
    for changes in candidate_stays:
        with searching(chain, keep_replaced_minutes=60 * 24 * 101, **changes) as search:
            assert not [item for item in search.find() if item.kind == "deployment"]
    chain.write(f"{names(chain).history_folder}rollout.json", "{}")
    with searching(chain) as search:
        found = [item.name for item in search.find() if item.kind == "deployment"]
    assert found == ["flowers-candidate, version 1"]


@pytest.mark.slow
@pytest.mark.parametrize("dag", ["flowers_training", naming.ROLLBACK_DAG])
def test_data_stays_while_a_run_is_under_way(chain: Any, later: None, dag: str) -> None:
    runs(chain)
    data = {name for name in left(chain) if name.startswith(DATA)}
    result = clean(replace(chain, task=Task(dag)), dry_run=False)
    assert result["removed"] > 0
    assert {name for name in left(chain) if name.startswith(DATA)} == data
    assert clean(replace(chain, task=Task("census_training")), dry_run=False)["removed"] > 0
    assert folders(chain, f"{DATA}raw/") == {SNAPSHOT}


@pytest.mark.slow
def test_data_and_folder_of_a_job_that_goes_on_stay_and_it_is_reported(
    chain: Any, vertex: Any, later: None, capsys: pytest.CaptureFixture[str]
) -> None:
    runs(chain)
    labels = {**names(chain).labels, naming.RUN_LABEL: "still-going"}
    job = vertex.create_job("--seconds", "600", labels=labels)
    write(chain, "runs/flowers/still-going/checkpoint")
    data = {name for name in left(chain) if name.startswith(DATA)}
    result = clean(chain, dry_run=False)
    assert result["orphans"] == 1
    assert f"{job.name} goes on, and no run of flowers is under way" in capsys.readouterr().out
    assert "still-going" in folders(chain, "runs/flowers/")
    assert {name for name in left(chain) if name.startswith(DATA)} == data
    assert clean(chain)["found"] == 0
    assert clean(replace(chain, task=Task("flowers_training")))["orphans"] == 0
    limited = {"scheduling": {"timeout": {"seconds": 3600}}}
    late = vertex.create_job("--seconds", "600", labels=labels, spec=limited)
    assert clean(replace(chain, task=Task("flowers_training")))["orphans"] == 1
    for one in (job, late):
        vertex.jobs.cancel_custom_job(name=one.name)


def test_search_that_goes_on_is_reported_after_the_timeouts_of_its_trials(chain: Any, vertex: Any) -> None:
    parameter = {"parameter_id": "seconds", "double_value_spec": {"min_value": 500, "max_value": 600}}
    trial = {
        "worker_pool_specs": [vertex.container_pool()],
        "scheduling": {"timeout": {"seconds": 3600}},
    }
    search = {
        "display_name": "search",
        "labels": {**names(chain).labels, naming.RUN_LABEL: "still-tuning"},
        "study_spec": {
            "metrics": [{"metric_id": "accuracy", "goal": "MAXIMIZE"}],
            "parameters": [parameter],
        },
        "max_trial_count": 5,
        "parallel_trial_count": 2,
        "trial_job_spec": trial,
    }
    made = vertex.jobs.create_hyperparameter_tuning_job(
        parent=vertex.parent, hyperparameter_tuning_job=search
    )
    found = {}
    for minutes in (179, 181):  # three trials of an hour, one after another
        now = datetime.now(UTC) + timedelta(minutes=minutes)
        with searching(chain, is_under_way=lambda: True, now=now) as housekeeping:
            found[minutes] = list(housekeeping.orphans())
    vertex.jobs.cancel_hyperparameter_tuning_job(name=made.name)
    assert found == {179: [], 181: [f"{made.name} goes on after its timeout of 3:00:00"]}


def test_orphaned_conversion_is_reported_and_keeps_its_files(
    chain: Any, later: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write(chain, "dataflow/temp/of-the-job", "dataflow/temp/older", f"{DATA}raw/{SNAPSHOT}/a.jpg")
    age(chain, "dataflow/temp/older", days=1)
    chain.fault("slow_start", delay_seconds=300)
    name = names(chain).conversion_job("0123456789abcdef")
    with run_context(chain.context) as context:
        options = {"options": {"pipelineUrl": f"gs://{chain.bucket}/pipeline.pb"}}
        place = {"project_id": chain.project, "location": "us-central1"}
        job = {"name": name, "environment": {"sdk_pipeline_options": options}}
        made = context.clients.dataflow_jobs.create_job(request={**place, "job": job})
        assert clean(chain, dry_run=False)["orphans"] == 1
        assert f"{name} ({made.id}) goes on" in capsys.readouterr().out
        assert folders(chain, "dataflow/temp/") == {"of-the-job"}
        write(chain, f"{DATA}waiting/0123456789abcdef/run")
        assert clean(replace(chain, task=Task("flowers_training")))["orphans"] == 0
        cancelled = {"requested_state": "JOB_STATE_CANCELLED"}
        context.clients.dataflow_jobs.update_job(request={**place, "job_id": made.id, "job": cancelled})


@pytest.mark.slow
def test_version_that_a_way_back_leads_to_stays(chain: Any, later: None) -> None:
    promoted(chain, 1)
    promoted(chain, 2)
    promoted(chain, 3)
    clean(chain, replace(POLICY, keep_promoted=1), dry_run=False)
    assert ids(chain) == ["2", "3"]  # 3 serves; 2 was there before
    chain.decide("rollback")
    assert chain.serving() == {"2": 100}


@pytest.mark.slow
def test_version_that_can_not_be_removed_keeps_all_that_it_was_made_of(chain: Any, later: None) -> None:
    promoted(chain, 1, "1111111111111111")
    promoted(chain, 2)
    promoted(chain, 3)
    write(chain, f"{DATA}raw/1111111111111111/a.jpg", f"{DATA}raw/unused/a.jpg")
    before = left(chain)
    chain.fault("aiplatform.ModelService.DeleteModelVersion", http_status=400, count=1)
    with pytest.raises(AirflowException, match="flowers@1: not removed"):
        clean(chain, dry_run=False)
    assert ids(chain) == ["1", "2", "3"]
    assert before - left(chain) == {f"{DATA}raw/unused/a.jpg"}
    assert clean(chain, dry_run=False)["removed"] == 4  # the version, its folder, records and raw data
    assert ids(chain) == ["2", "3"]


@pytest.mark.slow
def test_what_came_into_use_since_it_was_listed_is_skipped(chain: Any) -> None:
    runs(chain)
    deploy(chain, "flowers-candidate", 4, 100)
    with searching(chain) as search:
        items = search.find()
        deploy(chain, "flowers", 3, 10)
        write(chain, f"{DATA}tfrecord/unused/b.tfrecord")
        file = chain.file(f"gs://{chain.bucket}/{DATA}tfrecord/unused/b.tfrecord")
        ahead = (in_a_hundred_days() - timedelta(days=1)).timestamp()
        os.utime(file, (ahead, ahead))
        outcomes = list(search.remove(items))
    assert [one.kind for one in outcomes].count("failed") == 0
    skipped = {one.item.name.rpartition("flowers")[2] for one in outcomes if one.kind == "skipped"}
    assert skipped == {"@3", f"/{slug(chain, 3)}/", "/tfrecord/of-3/", "/tfrecord/unused/"}
    assert ids(chain) == ["1", "2", "3", "4"]
    assert {slug(chain, 3)} <= folders(chain, "runs/flowers/")
    assert {"of-3", "unused"} <= folders(chain, f"{DATA}tfrecord/")


@pytest.mark.slow
def test_run_that_begins_during_the_removal_keeps_its_data(chain: Any) -> None:
    runs(chain)
    running: list[bool] = []
    with searching(chain, is_under_way=lambda: bool(running)) as search:
        removal = search.remove(search.find())
        first = next(one for one in removal if f"{DATA}tfrecord/" in one.item.name)
        running.append(True)
        outcomes = list(removal)
    assert first.kind == "removed"
    assert {one.kind for one in outcomes} == {"skipped"}
    assert "unused" in folders(chain, f"{DATA}raw/")


def test_records_stay_while_an_evaluation_can_not_be_read(chain: Any, later: None) -> None:
    job_dir = candidate(chain, 1)
    chain.write(job_dir + "evaluation.json", "{}")
    write(chain, f"{DATA}tfrecord/unused/a.tfrecord", f"{DATA}raw/unused/a.jpg")
    assert clean(chain, dry_run=False)["removed"] == 1
    assert folders(chain, f"{DATA}tfrecord/") == {"of-1", "unused"}


def test_things_of_others_stay(chain: Any, vertex: Any, later: None) -> None:
    foreign = {naming.DEPLOYMENT_LABEL: "dev", naming.DATASET_LABEL: "flowers", naming.RUN_LABEL: "r"}
    candidate(chain, 1)
    for labels in (foreign, {}):
        request = {"parent_model": f"{vertex.parent}/models/flowers"}
        vertex.upload(request=request, labels=labels)
    for endpoint in ("flowers", "flowers-candidate"):
        made = vertex.create_endpoint(endpoint)
        vertex.deploy(made.name, f"{vertex.parent}/models/flowers@3", {"0": 100})
    candidate(chain, 4)
    job = vertex.run_job(labels=foreign)
    for place in ("deployments/dev/runs/flowers/r/a", "deployments/dev/datasets/flowers/raw/s/a", "mine/a"):
        write(chain, place)
    before = left(chain)
    with run_context(chain.context) as context:
        assert clean(chain, dry_run=False)["found"] == 0
        assert [one.name for one in context.custom_jobs.find_all(foreign)] == [job.name]
    assert left(chain) == before
    assert ids(chain) == ["1", "2", "3", "4"]
    assert chain.serving("flowers-candidate") == {"3": 100}
    for endpoint in ("flowers", "flowers-candidate"):
        name = f"{vertex.parent}/endpoints/{endpoint}"
        (one,) = vertex.endpoints.get_endpoint(name=name).deployed_models
        vertex.undeploy(name, one.id)


@pytest.mark.slow
def test_error_of_one_dataset_is_named_and_hides_no_other(chain: Any, later: None) -> None:
    runs(chain)
    write(chain, "history/broken/000001.json", "runs/broken/r/a")
    with pytest.raises(AirflowException, match="errors: broken: ") as caught:
        clean(chain, dry_run=False)
    assert not isinstance(caught.value, AirflowFailException)
    assert ids(chain) == ["1", "2", "4"]
    assert folders(chain, "runs/broken/") == {"r"}


def test_run_for_one_dataset_leaves_the_others_and_files_of_all(chain: Any, later: None) -> None:
    write(chain, "runs/flowers/r/a", "runs/roses/r/a", "dataflow/temp/a")
    result = clean(chain, dry_run=False, dataset="flowers")
    assert result["removed"] == 1
    assert left(chain) == {"runs/roses/r/a", "dataflow/temp/a"}
    with pytest.raises(AirflowFailException, match=r"dataset: expected one of \['roses'\], received 'roes'"):
        clean(chain, dataset="roes")


@pytest.mark.slow
def test_replaced_version_stays_for_as_long_as_its_dag_file_says(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(chain)
    deploy(chain, "flowers", 1, 0)
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path))
    text = (Path(__file__).parents[3] / "dags" / "flowers_training.py").read_text()
    text = text.replace("from contract import ", "from contract import ServingSpec, ")
    text = text.replace("    source=", "    serving=ServingSpec(keep_replaced_minutes=600),\n    source=")
    (tmp_path / "flowers_training.py").write_text(text)
    monkeypatch.setattr(operators, "utc_now", lambda: datetime.now(UTC) + timedelta(hours=9))
    assert clean(chain, dry_run=False)["found"] == 0
    monkeypatch.setattr(operators, "utc_now", lambda: datetime.now(UTC) + timedelta(hours=11))
    assert clean(chain, dry_run=False)["removed"] == 1
    assert chain.serving() == {"2": 100}


@pytest.mark.slow
def test_replaced_version_stays_for_a_while_after_the_last_change_however_old_its_deployment(
    chain: Any,
) -> None:
    runs(chain)
    deploy(chain, "flowers", 1, 0)
    begin = datetime.now(UTC)
    with run_context(chain.context) as context:
        last = chain.history()[-1]
        moved = replace(last, key="again", time=(begin + timedelta(hours=1)).isoformat())
        History(context.storage, names(chain)).record(moved)
    found = {}
    for minutes in (659, 661):
        now = begin + timedelta(minutes=minutes)
        with searching(chain, keep_replaced_minutes=600, now=now) as search:
            found[minutes] = [item.name for item in search.find()]
    assert found == {659: [], 661: ["flowers, version 1"]}
