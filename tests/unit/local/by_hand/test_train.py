from pathlib import Path

import pytest

from local.by_hand import train
from local.home import Home


def test_train_converts_and_then_trains_with_the_spec_s_arguments(
    calls: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home.at(tmp_path / "home")
    job = train.train(home, dataset="tiny", data=str(tmp_path), settings={"train_steps": "5"})
    spec, conversion, training = calls
    assert spec[:2] == ["retraining.spec", "tiny"]
    assert conversion[:3] == ["preprocessing.main", "--source", str(tmp_path)]
    records = conversion[conversion.index("--output-dir") + 1]
    assert training == [
        *("trainer.task", "--data-dir", records, "--job-dir", str(job)),
        *("--train-steps=5", "--hidden-units=128 32"),
    ]
    assert "make predict DATASET=tiny" in capsys.readouterr().out
