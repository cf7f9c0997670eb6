from pathlib import Path

import pytest

from local.by_hand import predict, train
from local.errors import StackError
from local.home import Home


def test_predict_without_instances_shows_the_labels_of_golden_records(
    calls: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home.at(tmp_path / "home")
    train.train(home, dataset="tiny", data=str(tmp_path), settings={})
    predict.predict(home, dataset="tiny", instances=None)
    shown = capsys.readouterr().out
    assert '{"age": 25}\n  yes (80%): wrong, it is no\n' in shown


def test_predict_with_instances_hands_them_to_the_model(calls: list[list[str]], tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    train.train(home, dataset="tiny", data=str(tmp_path), settings={})
    predict.predict(home, dataset="tiny", instances="test.json")
    model = str(home.by_hand / "tiny" / "job" / "model")
    assert calls[-1] == ["trainer.predict", "--model-dir", model, "--json-instances", "test.json"]


def test_predict_before_any_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="make train DATASET=tiny"):
        predict.predict(Home.at(tmp_path), dataset="tiny", instances=None)
