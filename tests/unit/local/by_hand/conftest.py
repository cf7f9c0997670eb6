"""Stand-ins for the programs, which have tests of their own."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from local.by_hand import program

SPEC = {"name": "tiny", "source": "tiny", "contract": {"contract": {}}, "module": "trainer.task"}
GOLDEN = {"instance": {"age": 25}, "prediction": {"probabilities": [0.2, 0.8]}, "label": 0}
EVALUATION = {"data_dir": "", "metrics": {"auc": 0.9}, "trivial_baseline": {"metrics": {"auc": 0.5}}}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Programs that leave what the real ones do; the list has their command lines."""
    made: list[list[str]] = []

    def run(module: str, arguments: Sequence[str]) -> None:
        made.append([module, *arguments])
        if module == "trainer.task":
            job = Path(arguments[arguments.index("--job-dir") + 1])
            (job / "evaluation.json").write_text(json.dumps({**EVALUATION, "labels": ["no", "yes"]}))
            (job / "golden.jsonl").write_text(json.dumps(GOLDEN) + "\n")

    def output(module: str, arguments: Sequence[str], **_: object) -> str:
        made.append([module, *arguments])
        arguments_of_spec = {"train_steps": 100, "hidden_units": "128 32"}
        return json.dumps(
            {**SPEC, "arguments": arguments_of_spec} if "spec" in module else GOLDEN["prediction"]
        )

    monkeypatch.setattr(program, "run", run)
    monkeypatch.setattr(program, "output", output)
    return made
