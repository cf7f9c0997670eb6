"""The real reader of the folder format, on what the real pipeline wrote."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing import test_pipeline as beam_testing

from contract import CsvFormat, DataContract, SplitSpec, category, class_label, number
from preprocessing.formats import Conversion
from preprocessing.pipeline import convert

READER = """
import json, sys
import tensorflow_datasets as tfds
builder = tfds.builder_from_directory(sys.argv[1])
found = {}
for name, info in builder.info.splits.items():
    records = [
        {key: value.numpy() for key, value in record.items()} for record in builder.as_dataset(split=name)
    ]
    found[name] = {
        "announced": info.num_examples,
        "labels": sorted(int(record["image/class/label"]) for record in records),
        "keys": sorted(records[0]) if records else [],
        "jpegs": all(record.get("image/encoded", b"").startswith(b"\\xff\\xd8") for record in records),
    }
print(json.dumps(found))
"""


@pytest.mark.slow
def test_builder_from_directory_counts_what_the_manifest_says(conversion: Conversion) -> None:
    """In a process of its own, since TensorFlow warns and logs as it pleases; 9 shards leave some empty."""
    conversion = dataclasses.replace(conversion, num_shards=9)
    with beam_testing.TestPipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        convert(pipeline, conversion)
    output = Path(conversion.output.uri)
    done = subprocess.run(
        [sys.executable, "-c", READER, str(output)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    statistics = json.loads((output / "statistics.json").read_text())
    for split, count in statistics["records"].items():
        assert found[split]["announced"] == len(found[split]["labels"]) == count
        assert found[split]["jpegs"]
    assert sorted(found["train"]["labels"] + found["validation"]["labels"]) == [1] * 12 + [2] * 12
    assert found["train"]["keys"] == sorted(feature.name for feature in conversion.contract.features)


@pytest.mark.slow
def test_builder_from_directory_reads_rows(tmp_path: Path, conversion_of: Callable[..., Conversion]) -> None:
    contract = DataContract(
        name="people",
        record_format="csv",
        features=(number("age"), category("city"), class_label("image/class/label", ("low", "high"))),
        csv=CsvFormat(columns=("age", "city", "image/class/label")),
        split=SplitSpec(validation_percent=25, test_files=("b.csv",)),
    )
    (tmp_path / "source").mkdir()
    for name, rows in (("a.csv", 60), ("b.csv", 4)):
        lines = [f"{row / 4}, city {row % 7}, {('low', 'high')[row % 2]}\n" for row in range(rows)]
        (tmp_path / "source" / name).write_text("".join(lines))
    output = tmp_path / "output"
    conversion = conversion_of(contract, tmp_path / "source", output)
    with beam_testing.TestPipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        convert(pipeline, conversion)
    done = subprocess.run(
        [sys.executable, "-c", READER, str(output)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["test"]["announced"] == 4
    assert sorted(found["train"]["labels"] + found["validation"]["labels"]) == [0] * 30 + [1] * 30
    assert found["train"]["keys"] == ["age", "city", "image/class/label"]
