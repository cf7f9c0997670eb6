import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from local import StackError, module_runner
from local.offline import predict, train
from local.paths import StackPaths

SPEC = {"name": "tiny", "source": "tiny", "contract": {"contract": {}}, "module": "trainer.task"}
GOLDEN = {"instance": {"age": 25}, "prediction": {"probabilities": [0.2, 0.8]}, "label": 0}
EVALUATION = {
    "examples": 10,
    "metrics": {"auc": 0.9},
    "trivial_baseline": {"metrics": {"auc": 0.5}},
    "production": None,
    "export": {"signature": {"inputs": {}, "outputs": {}}, "parity_max_abs_difference": 0.0, "finite": True},
    "labels": ["no", "yes"],
}


@pytest.fixture
def paths(tmp_path: Path) -> StackPaths:
    return StackPaths.at(tmp_path / "home")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Command lines of stand-ins that leave the files of the real programs, which have tests of their own."""
    lines: list[list[str]] = []

    def run(module: str, arguments: Sequence[str]) -> None:
        lines.append([module, *arguments])
        if module == "trainer.task":
            job = Path(arguments[arguments.index("--job-dir") + 1])
            (job / "evaluation.json").write_text(json.dumps(EVALUATION))
            (job / "golden.jsonl").write_text(json.dumps(GOLDEN) + "\n")

    def output(module: str, arguments: Sequence[str], **_: object) -> str:
        lines.append([module, *arguments])
        arguments_of_spec = {"train_steps": 100, "hidden_units": "128 32"}
        return json.dumps(
            {**SPEC, "arguments": arguments_of_spec} if "spec" in module else GOLDEN["prediction"]
        )

    monkeypatch.setattr(module_runner, "run", run)
    monkeypatch.setattr(module_runner, "output", output)
    return lines


def test_train_converts_and_then_trains_with_the_spec_s_arguments(
    calls: list[list[str]], paths: StackPaths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = train(paths, dataset="tiny", data=str(tmp_path), settings={"train_steps": "5"})
    spec, conversion, training = calls
    assert spec[:2] == ["retraining.spec", "tiny"]
    assert conversion[:3] == ["preprocessing.main", "--source", str(tmp_path)]
    records = conversion[conversion.index("--output-dir") + 1]
    assert training == [
        *("trainer.task", "--data-dir", records, "--job-dir", str(job)),
        *("--train-steps=5", "--hidden-units=128 32"),
    ]
    assert "make predict DATASET=tiny" in capsys.readouterr().out


def test_predict_without_instances_shows_the_labels_of_golden_requests(
    calls: list[list[str]], paths: StackPaths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(paths, dataset="tiny", data=str(tmp_path), settings={})
    predict(paths, dataset="tiny", instances=None)
    shown = capsys.readouterr().out
    assert '{"age": 25}\n  yes (80%): wrong, it is no\n' in shown


def test_predict_with_instances_hands_them_to_the_model(
    calls: list[list[str]], paths: StackPaths, tmp_path: Path
) -> None:
    train(paths, dataset="tiny", data=str(tmp_path), settings={})
    predict(paths, dataset="tiny", instances="test.json")
    model = str(paths.offline / "tiny" / "job" / "model")
    assert calls[-1] == ["trainer.predict", "--model-dir", model, "--json-instances", "test.json"]


def test_predict_before_any_training_is_refused(paths: StackPaths) -> None:
    with pytest.raises(StackError, match="make train DATASET=tiny"):
        predict(paths, dataset="tiny", instances=None)
