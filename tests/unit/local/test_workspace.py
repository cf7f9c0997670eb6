import os
from pathlib import Path

import pytest

from local import StackError
from local.paths import StackPaths
from local.sources import Source
from local.workspace import Workspace

CONTRACT = {"contract": {"name": "tiny"}}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.at(StackPaths.at(tmp_path / "home"), "tiny")


@pytest.fixture
def raw(tmp_path: Path) -> Source:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "a.csv").write_text("1\n")
    return Source(uri=str(folder), synthetic=False)


def test_records_of_the_same_data_and_contract_have_the_same_folder(
    workspace: Workspace, raw: Source
) -> None:
    folder = workspace.records(raw, CONTRACT)
    assert workspace.records(raw, CONTRACT) == folder
    assert workspace.records(raw, {"contract": {"name": "other"}}) != folder
    os.utime(Path(raw.uri) / "a.csv", ns=(0, 0))
    assert workspace.records(raw, CONTRACT) != folder


def test_new_job_with_other_arguments_leaves_the_one_before(workspace: Workspace, tmp_path: Path) -> None:
    first = workspace.new_job(tmp_path / "records", "trainer.task", ["--seed=0"])
    second = workspace.new_job(tmp_path / "records", "trainer.task", ["--seed=1"])
    assert workspace.job.resolve() == second
    assert first.is_dir()
    assert workspace.new_job(tmp_path / "records", "trainer.task", ["--seed=0"]) == first
    assert workspace.job.resolve() == first


def test_trained_job_before_any_training_says_how_to_train(workspace: Workspace) -> None:
    with pytest.raises(StackError, match="no model of 'tiny' yet; `make train DATASET=tiny` makes one"):
        workspace.trained_job()


def test_trained_job_of_an_interrupted_training_says_how_to_go_on(
    workspace: Workspace, tmp_path: Path
) -> None:
    job = workspace.new_job(tmp_path / "records", "trainer.task", [])
    with pytest.raises(StackError, match="has not finished; `make train DATASET=tiny` goes on with it"):
        workspace.trained_job()
    (job / "evaluation.json").write_text("{}")
    assert workspace.trained_job() == workspace.job
