"""Rows of the table datasets: raw JSON through the server, against the records of the conversion."""

from __future__ import annotations

import csv
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract import (
    FEATURES_FILENAME,
    CsvFormat,
    DataContract,
    FeatureSpec,
    SplitSpec,
    TrainingSpec,
    category,
    number,
    target,
    timestamp,
)
from preprocessing.main import main as convert
from retraining.spec import DAGS, read_spec
from serving.model import Model
from trainer.config import TrainConfig
from trainer.export import ExportedModel
from trainer.records import Records
from trainer.train import run

TRAINED, SENT = 300, 200
NAMES = (
    *("length (cm)", "größe", "a,b", "_c0", "self", "Churn?", "a/b", "1stFlrSF", "day's", "input_x", "$"),
    *(
        "a",
        "A",
        "a b",
        "class",
        "None",
        "x",
        "x_1",
        "name",
        "_",
        "^a",
        "a:0",
        "predictions",
        "b64",
        "n" * 200,
    ),
)
ODD = DataContract(
    name="odd",
    record_format="csv",
    csv=CsvFormat(),
    features=(
        *(number(name, default=3.5) for name in NAMES),
        category("país", default="none", missing=("",)),
        category("plain", missing=("",)),
        number("months", missing=("0",), default=12),
        category("zone", vocabulary=("1", "2", "3")),
        FeatureSpec(name="größe (Klasse)", dtype="int64", vocabulary=("S", "M", "L"), first_index=2),
        timestamp("when", timezone="Europe/Berlin"),
        target("price €"),
    ),
)
WORDS = (
    "NA",
    "caf\u00e9",
    "cafe\u0301",
    "Private\u00a0",
    "\u2003Private",
    "日本",
    "a\tb",
    "Ω",
    "?x",
    " plain ",
)
DATES = (
    "2018-01-31",
    "2018-01-31T23:59:00Z",
    "2018-07-31 23:59:00 UTC",
    "20180131",
    "2019-12-01T10:00:00+05:00",
)


def value(feature: FeatureSpec, contract: DataContract, draw: random.Random) -> str:
    if feature.role == "label":
        return draw.choice(feature.vocabulary) if feature.vocabulary else f"{draw.uniform(3, 90):.2f}"
    missing = contract.missing_of(feature)
    if feature.default is not None and missing and draw.random() < 0.2:
        return draw.choice(missing) + draw.choice(("", " ", "\u00a0"))
    if feature.is_number:
        return draw.choice((f"{draw.uniform(0, 90):.3f}", str(draw.randrange(0, 90)), " 7 "))
    if feature.timezone is not None:
        return draw.choice(DATES)
    return draw.choice(feature.vocabulary or WORDS)


def write(file: Path, contract: DataContract, rows: int, seed: int) -> list[dict[str, str]]:
    draw = random.Random(seed)
    made = [{f.name: value(f, contract, draw) for f in contract.features} for _ in range(rows)]
    columns = (contract.csv and contract.csv.columns) or tuple(f.name for f in contract.features)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="0")
        if contract.csv is not None and not contract.csv.columns:
            writer.writeheader()
        writer.writerows(made)
    return made


def sent(raw: str, feature: FeatureSpec, contract: DataContract, draw: random.Random) -> Any:
    """The JSON value that a client makes of a field."""
    text = raw.strip()
    if text in contract.missing_of(feature):
        return draw.choice((None, math.nan, raw))
    return float(text) if feature.is_number else raw


def specified(dataset: str) -> tuple[DataContract, TrainingSpec]:
    if dataset == "odd":
        arguments = {"model": "regression", "crosses": '"a,b"+größe'}
        return ODD, TrainingSpec(arguments=arguments)
    spec = read_spec(dataset, DAGS)
    return spec.contract, spec.training


@pytest.mark.parametrize(
    "dataset",
    [
        "census",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("odd", "taxifare", "yellow_taxi")),
    ],
)
def test_raw_rows_through_the_server_are_predicted_as_their_records(dataset: str, tmp_path: Path) -> None:
    contract, training = specified(dataset)
    contract = replace(contract, split=SplitSpec(test_files=("sent.csv",)), max_rejected_fraction=0)
    source, records, job = tmp_path / "source", tmp_path / "records", tmp_path / "job"
    source.mkdir()
    write(source / "trained.csv", contract, TRAINED, seed=1)
    rows = write(source / "sent.csv", contract, SENT, seed=2)
    (tmp_path / FEATURES_FILENAME).write_text(contract.to_features_json())
    convert(
        [
            *("--source", str(source), "--output-dir", str(records), "--num-shards=1"),
            *("--contract", str(tmp_path / FEATURES_FILENAME)),
        ]
    )
    short = {"train_epochs": 0.1, "train_steps": 3, "train_batch_size": 32, "eval_batch_size": 32}
    arguments = dict(training.arguments) | short
    run(TrainConfig.of(data_dir=str(records), job_dir=str(job), **arguments), environment={})
    opened, export = Records.open(str(records)), ExportedModel(job / "model")
    assert opened.test is not None
    expected = export.predict_split(opened, opened.test, batch_size=64).outputs
    name = "probabilities" if contract.label.vocabulary else "predictions"
    draw = random.Random(3)
    instances = [
        {
            feature.name: item
            for feature in contract.model_inputs.values()
            if (item := sent(row[feature.name], feature, contract, draw)) is not None or draw.random() < 0.5
        }
        for row in rows
    ]
    answers = Model(job / "model").predict(instances)
    received = [answer[name] if isinstance(answer, dict) else answer for answer in answers]
    assert len(received) == SENT
    np.testing.assert_allclose(
        np.reshape(received, expected[name].shape), expected[name], atol=1e-5, rtol=1e-5
    )
    assert len(np.unique(np.round(expected[name], 6))) > SENT // 2
