"""A version in production that a new one can't be compared with: an outcome that the spec decides on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract import CsvFormat, DataContract, SplitSpec, category, number, target
from retraining.comparison import compare_with_production, split_identity
from retraining.context import run_context

TABLE = DataContract(
    name="flowers",
    record_format="csv",
    csv=CsvFormat(),
    features=(number("petals"), category("color", default="?"), target("height")),
)


def with_policy(chain: Any, policy: str) -> Any:
    return chain.with_spec(gate=replace(chain.spec.gate, not_comparable=policy))


def obstacle(chain: Any) -> str:
    with run_context(chain.context) as context:
        return compare_with_production(context, chain.spec).obstacle


def test_compare_without_a_version_in_production_meets_no_obstacle(chain: Any) -> None:
    with run_context(chain.context) as context:
        compared = compare_with_production(context, chain.spec)
    assert (compared.production, compared.obstacle, compared.sentence("decline")) == (None, "", "")


def test_compare_with_a_version_of_the_same_inputs_meets_no_obstacle(chain: Any) -> None:
    chain.promoted("manual__0")
    assert obstacle(chain) == ""


def test_compare_with_a_version_of_other_columns_names_them(chain: Any) -> None:
    chain.promoted("manual__0")
    found = obstacle(chain.with_spec(contract=TABLE))
    assert found == "it knows no petals, it knows no color, it takes image_bytes, which the records lack"


def test_compare_with_a_version_whose_files_are_gone_names_the_file(chain: Any) -> None:
    chain.promoted("manual__0")
    folder = chain.versions()[0].artifact_uri
    chain.file(f"{folder}/saved_model.pb".replace("//saved", "/saved")).unlink()
    assert obstacle(chain).startswith(f"its files are gone: {folder.rstrip('/')}/saved_model.pb")


@pytest.mark.parametrize(
    ("policy", "promoted", "asks"), [("decline", False, False), ("promote", True, False), ("ask", True, True)]
)
def test_version_that_can_not_be_compared_is_trained_and_left_to_the_policy(
    chain: Any, tmp_path: Path, policy: str, promoted: bool, asks: bool
) -> None:
    chain.promoted("manual__0")
    folder = chain.versions()[0].artifact_uri.rstrip("/")
    chain.file(f"{folder}/saved_model.pb").unlink()
    run = with_policy(chain, policy)
    (tmp_path / "a.jpg").write_bytes(b"a")
    assert "Not comparable with version 1 in production" in run.upload(str(tmp_path))["note"]
    trained = run.train()
    assert trained["production_version"] is None
    assert not [
        arg
        for arg in chain.jobs()[0].job_spec.worker_pool_specs[0].container_spec.args
        if "production" in arg
    ]
    result = run.validate(trained["job_dir"])
    assert (result["promote"], result["ask"]) == (promoted, asks)
    assert any("Not comparable with version 1" in reason for reason in result["reasons"])
    version = run.create_version(trained["job_dir"])["name"]
    approval = {"approved": True, "sentence": "Approved by Ada"} if asks else None
    outcome = run.promote(version, trained["job_dir"], allowed=result["promote"], approval=approval)
    assert outcome["promoted"] == promoted
    assert chain.serving() == ({"2": 100} if promoted else {"1": 100})


def test_version_of_another_split_is_not_compared_with_since_it_may_know_the_validation_records(
    chain: Any,
) -> None:
    chain.promoted("manual__0")
    salted = replace(chain.spec.contract, split=SplitSpec(salt="other"))
    job_dir = chain.trained(production_version="1", production_model="gs://b/m/")
    same, other = chain, chain.with_spec(contract=salted)
    assert same.validate(job_dir, snapshot="ab")["promote"]
    result = other.validate(job_dir, snapshot="ab")
    assert not result["promote"]
    assert "may have been trained on these validation records" in " ".join(result["reasons"])
    assert not [reason for reason in result["reasons"] if "0.85" in reason], "no figure of a leak is claimed"


def test_split_of_partitioned_data_is_by_its_newest_partition(chain: Any) -> None:
    months = chain.with_spec(partition="trips_%Y-%m.csv")
    for month in ("2018-01", "2018-02"):
        chain.write(f"gs://{chain.bucket}/datasets/flowers/raw/ab/trips_{month}.csv", "x")
    chain.write(f"gs://{chain.bucket}/datasets/flowers/raw/cd/trips_2018-01.csv", "x")
    with run_context(chain.context) as context:
        assert split_identity(context, months.spec, "ab") == "time-2018-02-01"
        assert split_identity(context, months.spec, "cd").startswith("hash-")
        assert split_identity(context, chain.spec, "") == ""
