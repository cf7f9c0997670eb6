import os
from pathlib import Path

import pytest

from local.by_hand.workshop import Workshop
from local.errors import StackError
from local.home import Home
from local.source import Source

CONTRACT = {"contract": {"name": "tiny"}}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop.of(Home.at(tmp_path / "home"), "tiny")


@pytest.fixture
def raw(tmp_path: Path) -> Source:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "a.csv").write_text("1\n")
    return Source(uri=str(folder), made=False)


def test_records_of_the_same_data_and_contract_have_the_same_folder(workshop: Workshop, raw: Source) -> None:
    folder = workshop.records(raw, CONTRACT)
    assert workshop.records(raw, CONTRACT) == folder
    assert workshop.records(raw, {"contract": {"name": "other"}}) != folder
    os.utime(Path(raw.uri) / "a.csv", ns=(0, 0))
    assert workshop.records(raw, CONTRACT) != folder


def test_new_job_with_other_arguments_leaves_the_one_before(workshop: Workshop, tmp_path: Path) -> None:
    first = workshop.new_job(tmp_path / "records", "trainer.task", ["--seed=0"])
    second = workshop.new_job(tmp_path / "records", "trainer.task", ["--seed=1"])
    assert workshop.job.resolve() == second
    assert first.is_dir()
    assert workshop.new_job(tmp_path / "records", "trainer.task", ["--seed=0"]) == first
    assert workshop.job.resolve() == first


def test_trained_job_before_any_training_says_how_to_train(workshop: Workshop) -> None:
    with pytest.raises(StackError, match="no model of 'tiny' yet; `make train DATASET=tiny` makes one"):
        workshop.trained_job()


def test_trained_job_of_an_interrupted_training_says_how_to_go_on(workshop: Workshop, tmp_path: Path) -> None:
    job = workshop.new_job(tmp_path / "records", "trainer.task", [])
    with pytest.raises(StackError, match="has not finished; `make train DATASET=tiny` goes on with it"):
        workshop.trained_job()
    (job / "evaluation.json").write_text("{}")
    assert workshop.trained_job() == workshop.job
