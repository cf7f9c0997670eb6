"""No run sees a row of later than its interval: not in raw data, records, statistics or rejected rows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from contract import CsvFormat, DataContract, category, number, target

MARK = b"marked-row"
CONTRACT = DataContract(
    name="trips",
    record_format="csv",
    csv=CsvFormat(),
    features=(target("fare", minimum=0), number("distance"), category("vendor")),
    max_rejected_fraction=0.5,
)


@pytest.fixture
def months(tmp_path: Path) -> Path:
    """Four months of trips. May's have a marked row that is taken and one that is rejected."""
    for month in range(3, 7):
        rows = [f"{month + row},{row},vendor-{month}" for row in range(20)]
        if month == 5:
            rows += [f"7.5,2,{MARK.decode()}", f"{MARK.decode()},2,vendor-5"]
        (tmp_path / f"trips_2018-{month:02}.csv").write_text("\n".join(["fare,distance,vendor", *rows, ""]))
    return tmp_path


def finished(chain: Any, until: str, source: Path) -> dict[str, Any]:
    """Upload and conversion of the run of the month that ends with a day."""
    end = datetime.fromisoformat(f"{until}T00:00+00:00")
    run = chain.with_spec(contract=CONTRACT, partition="trips_%Y-%m.csv", window="P2M").other_run(
        f"backfill__{until}", run_type="backfill", data_interval_end=end
    )
    result: dict[str, Any] = run.execute(run.converter(run.upload(str(source))["snapshot"]))
    return result


def marked(chain: Any) -> set[str]:
    """The folders of the bucket, under the dataset's, in which a file holds the mark."""
    root = chain.file(f"gs://{chain.bucket}/")
    files = [path for path in root.rglob("*") if path.is_file() and MARK in path.read_bytes()]
    return {path.relative_to(root / "datasets/trips").parts[0] for path in files}


@pytest.mark.slow
def test_no_run_before_a_rows_month_has_seen_it_and_the_first_after_it_has(
    chain: Any, months: Path, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_PACKAGES", str(packages))
    april = finished(chain, "2018-04-01", months)
    may = finished(chain, "2018-05-01", months)
    assert (sum(april["records"].values()), sum(may["records"].values())) == (20, 40)
    assert marked(chain) == set()
    june = finished(chain, "2018-06-01", months)
    assert marked(chain) == {"raw", "tfrecord"}
    records = [
        path.name for path in chain.file(june["data_dir"]).glob("*.tfrecord-*") if MARK in path.read_bytes()
    ]
    assert len(records) == 1
    assert MARK in chain.file(june["data_dir"] + "rejected/rejected.jsonl").read_bytes()
    late = finished(chain, "2018-05-01", months)
    assert (late["converted"], late["data_dir"]) == (False, may["data_dir"])
