from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from contract import CsvFormat, DataContract, SplitSpec, category, class_label, number
from preprocessing.formats import FORMATS, Conversion
from preprocessing.output import OutputFolder
from preprocessing.pipeline import convert


@pytest.fixture
def contract() -> DataContract:
    """Five columns, one of which no feature has; a word may be missing, a number may not."""
    return DataContract(
        name="people",
        record_format="csv",
        features=(
            number("age", minimum=0, maximum=120),
            number("hours", default=40.0),
            category("city", default="?"),
            class_label("income", ("low", "high")),
        ),
        csv=CsvFormat(columns=("age", "hours", "weight", "city", "income")),
        split=SplitSpec(validation_percent=25),
    )


@pytest.fixture
def converted(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Converts a source and gives its statistics."""

    def run(
        contract: DataContract, source: Path, *, num_shards: int | None = None, to: str = "output"
    ) -> Any:
        conversion = Conversion(
            contract=contract,
            source=FORMATS[contract.record_format].source(str(source), contract),
            output=OutputFolder(uri=str(tmp_path / to), dataset=contract.name),
            num_shards=num_shards,
        )
        with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
            convert(pipeline, conversion)
        return json.loads((tmp_path / to / "statistics.json").read_text())

    return run
