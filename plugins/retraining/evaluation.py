"""What a training run says about its model: `evaluation.json`, the commit mark of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract import ContractError
from contract.fields import FieldReader

_NO_TEST: dict[str, Any] = {"examples": 0, "metrics": {}}


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The export, reloaded and scored through its own signature on the validation records.

    Attributes:
        examples: how many records were scored.
        metrics: the model's metrics by name.
        trivial_metrics: the metrics of a constant answer on the same records.
        test_examples: how many records were scored that are only reported on; 0 without a test side.
        test_metrics: the model's metrics on those; empty without a test side.
        production_version: the version that was scored beside it, or none.
        production_metrics: that version's metrics on the same records; empty without one.
        inputs: the names that the export's signature takes.
        outputs: the names that it gives.
        parity_max_abs_difference: the largest difference between the export and the model as trained.
        finite: whether every output on the validation records was a finite number.
    """

    examples: int
    metrics: Mapping[str, float]
    trivial_metrics: Mapping[str, float]
    test_examples: int
    test_metrics: Mapping[str, float]
    production_version: str | None
    production_metrics: Mapping[str, float]
    inputs: frozenset[str]
    outputs: frozenset[str]
    parity_max_abs_difference: float
    finite: bool

    @classmethod
    def from_json(cls, text: str) -> Evaluation:
        """The evaluation in the text of `evaluation.json`.

        Raises:
            ContractError: the text is no JSON, or a field is missing or of the wrong type.
        """
        # A trainer without a test side may leave it out.
        reader = FieldReader.of_text(text, "evaluation.json", defaults={"test": None})
        trivial = FieldReader(reader.take("trivial_baseline", dict), "evaluation.json.trivial_baseline")
        production = reader.take("production", dict, type(None))
        test = FieldReader(reader.take("test", dict, type(None)) or _NO_TEST, "evaluation.json.test")
        export = FieldReader(reader.take("export", dict), "evaluation.json.export")
        signature = FieldReader(export.take("signature", dict), "evaluation.json.export.signature")
        return cls(
            examples=reader.take("examples", int),
            metrics=_numbers(reader, "metrics"),
            trivial_metrics=_numbers(trivial, "metrics"),
            test_examples=test.take("examples", int),
            test_metrics=_numbers(test, "metrics"),
            production_version=_version(production),
            production_metrics=_numbers(FieldReader(production, "evaluation.json.production"), "metrics")
            if production
            else {},
            inputs=frozenset(signature.take("inputs", dict)),
            outputs=frozenset(signature.take("outputs", dict)),
            parity_max_abs_difference=float(export.take("parity_max_abs_difference", float, int)),
            finite=export.take("finite", bool),
        )


def _numbers(reader: FieldReader, field: str) -> Mapping[str, float]:
    values: dict[str, Any] = reader.take(field, dict)
    for name, value in values.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ContractError(f"evaluation.json.{field}.{name}", expected="a number", received=value)
    return {name: float(value) for name, value in values.items()}


def _version(production: Mapping[str, Any] | None) -> str | None:
    if not production:
        return None
    return str(FieldReader(production, "evaluation.json.production").take("version", str, int))
