"""Housekeeping against the emulator: what goes, and what stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from retraining.context import run_context
from retraining.housekeeping import RetentionPolicy
from retraining.operators import housekeeping as operators
from retraining.operators.housekeeping import HousekeepingOperator

POLICY = RetentionPolicy(keep_versions=1, keep_promoted=1)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is a hundred days ahead."""
    monkeypatch.setattr(operators, "utc_now", lambda: datetime.now(UTC) + timedelta(days=100))


def clean(chain: Any, policy: RetentionPolicy = POLICY, **params: Any) -> dict[str, Any]:
    operator = HousekeepingOperator(task_id="remove", policy=policy)
    context = {**chain.context, "params": params}
    result: dict[str, Any] = operator.execute(context)  # type: ignore[arg-type]
    return result


def runs(chain: Any) -> None:
    """Four versions: 1 and 2 were in production, 2 serves, 3 and 4 are candidates."""
    for number in (1, 2):
        chain.promoted(f"manual__{number}") if number == 1 else promote_second(chain)
    for number in (3, 4):
        run = chain.other_run(f"manual__{number}")
        run.create_version(run.trained())
    chain.write(f"gs://{chain.bucket}/dataflow/temp/old.tmp", "x")
    chain.write(f"gs://{chain.bucket}/datasets/flowers/waiting/key/run", "")
    chain.write(f"gs://{chain.bucket}/datasets/flowers/raw/unused/a.jpg", "x")
    chain.write(f"gs://{chain.bucket}/datasets/flowers/tfrecord/unused/a.tfrecord", "x")


def promote_second(chain: Any) -> None:
    run = chain.other_run("manual__2")
    job_dir = run.trained(production_version="1", production_model="gs://b/m/")
    snapshot = "5e5e5e5e5e5e5e5e"
    chain.write(f"gs://{chain.bucket}/datasets/flowers/raw/{snapshot}/a.jpg", "x")
    assert run.promote(run.create_version(job_dir, snapshot=snapshot)["name"], job_dir)["promoted"]


def left(chain: Any) -> set[str]:
    root = chain.file(f"gs://{chain.bucket}/")
    return {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}


def test_dry_run_lists_everything_and_removes_nothing(chain: Any, later: None) -> None:
    runs(chain)
    before = left(chain)
    found = clean(chain)
    assert found["found"] > 0
    assert found["removed"] == 0
    assert left(chain) == before
    assert len(chain.versions()) == 4


def test_old_things_that_nothing_refers_to_go_and_all_else_stays(chain: Any, later: None) -> None:
    runs(chain)
    result = clean(chain, dry_run=False)
    assert result["removed"] == result["found"]
    # 2 serves, was promoted last and is the default; 4 is the newest; 1 and 3 are neither.
    assert [version.version for version in chain.versions()] == ["2", "4"]
    assert chain.serving() == {"2": 100}
    files = left(chain)
    assert not [name for name in files if "unused" in name or "waiting" in name or name.endswith("old.tmp")]
    assert any(name.startswith("datasets/flowers/raw/5e5e") for name in files)
    kept = [version.artifact_uri.split("/runs/flowers/")[1].split("/")[0] for version in chain.versions()]
    assert {name.split("/")[2] for name in files if name.startswith("runs/flowers/")} == set(kept)
    assert [name for name in files if name.startswith("history/flowers/0")]
    assert clean(chain, dry_run=False)["found"] == 0


def test_young_things_stay(chain: Any) -> None:
    runs(chain)
    before = left(chain)
    assert clean(chain, dry_run=False)["found"] == 0
    assert left(chain) == before


def test_candidate_that_was_left_deployed_and_a_replaced_version_are_taken_off(
    chain: Any, later: None
) -> None:
    runs(chain)
    with run_context(chain.context) as context:
        versions, names = chain.versions(), context.names("flowers")
        for endpoint, percent in (("flowers-candidate", 100), ("flowers", 0)):
            context.endpoints.ensure(endpoint, names, chain.spec.serving)
            context.endpoints.deploy(
                endpoint,
                versions[0],
                serving=chain.spec.serving,
                machine_type="n1-standard-2",
                service_account=None,
                percent=percent,
            )
    assert chain.serving() == {"1": 0, "2": 100}
    clean(chain, dry_run=False)
    assert chain.serving("flowers-candidate") == {}
    assert chain.serving() == {"2": 100}


def test_what_came_into_use_since_it_was_listed_is_named_and_stays(
    chain: Any, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(chain)
    chain.fault("aiplatform.ModelService.DeleteModelVersion", http_status=400, count=1)
    with pytest.raises(Exception, match=r"not removed: .*@1"):
        clean(chain, dry_run=False)
    assert [version.version for version in chain.versions()] == ["1", "2", "4"]
