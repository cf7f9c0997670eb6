"""A user's own CSV: one short file is all that it takes, from raw rows to an answer of production."""

import csv
import random
import re
from collections.abc import Callable

import pytest

from local.demo import follow
from local.sources import Source
from local.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1200)]

SPEC = '''\
"""Tips: what guests leave beside the bill."""

from retraining.dag import build_training_dag

import contract as dc

SPEC = dc.DatasetSpec(
    contract=dc.DataContract(
        name="tips",
        record_format="csv",
        csv=dc.CsvFormat(),
        features=(
            dc.number("total_bill", minimum=0),
            dc.number("guests", default=2),
            dc.category("day"),
            dc.target("tip", minimum=0),
        ),
    ),
    source="tips",
    training=dc.TrainingSpec(
        arguments={
            "model": "regression", "train_steps": 300, "log_every": 100, "base_learning_rate": 0.005
        }
    ),
    gate=dc.GateSpec(metric="rmse", direction="lower", threshold=1.0, baseline_margin=0.5),
)

dag = build_training_dag(SPEC)
'''


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """2,000 bills; a tip is 15 percent, and more on Sundays. Some rows are as bad as in life."""
    folder = tmp_path_factory.mktemp("tips")
    draw = random.Random(0)
    with (folder / "bills.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["day", "total_bill", "guests", "tip", "waiter"])
        for _ in range(2000):
            day, bill = draw.choice(["Fri", "Sat", "Sun"]), draw.uniform(8, 60)
            tip = bill * (0.2 if day == "Sun" else 0.15) + draw.gauss(0, 0.2)
            writer.writerow([day, f"{bill:.2f}", draw.choice(["1", "2", "4", ""]), f"{tip:.2f}", "Ann"])
        file.write("Sun,a lot,2,3.00,Ann\nSun,12.00\n")
    return Source(uri=str(folder), synthetic=True, description="made-up bills")


@pytest.fixture(scope="module")
def tips_dag(add_dag: Callable[[str, str], None]) -> None:
    """The new file, found by Airflow."""
    add_dag("tips_training", SPEC)


@pytest.mark.usefixtures("tips_dag")
def test_one_new_file_takes_a_csv_to_an_answer_of_production(stack: Stack, bills: Source) -> None:
    assert len(SPEC.splitlines()) <= 40

    report = follow(stack, "tips", bills, {})

    assert report.state == "success"
    assert report.promoted, report.reasons
    assert "1 column_count, 1 not_a_number" in report.tasks["convert_to_tfrecord"]["note"]
    assert report.prediction is not None
    assert report.prediction.version == report.version


@pytest.mark.usefixtures("tips_dag")
def test_two_workers_of_a_tier_train_one_model_and_agree(stack: Stack, bills: Source) -> None:
    jobs = set(stack.paths.emulator.glob("jobs/*"))

    report = follow(stack, "tips", bills, {"tier": "TWO_WORKERS", "train_steps": 40, "log_every": 10})

    assert report.state == "success"
    (job,) = [
        path for path in set(stack.paths.emulator.glob("jobs/*")) - jobs if (path / "workerpool1-0").exists()
    ]
    logs = [(job / replica / "log").read_text() for replica in ("workerpool0-0", "workerpool1-0")]
    assert "replicas: 2" in logs[0]
    # Both reduce over all replicas, so both tell the same figures; only their speed differs.
    chief, worker = (re.findall(r"step \d+/\d+  loss \S+  mae \S+", log) for log in logs)
    assert len(chief) > 0
    assert chief == worker
