from pathlib import Path

import pytest

from local.errors import StackError
from local.home import Home
from local.source import given, sample


def test_sample_that_a_program_made_is_said_to_be_made(tmp_path: Path) -> None:
    raw = sample("taxifare", Home.at(tmp_path))
    assert raw.made
    assert raw.description == "synthetic taxi trips of New York"
    assert (Path(raw.uri) / "taxi-train.csv").is_file()


def test_sample_of_an_unknown_dataset_says_how_to_give_own_data(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no sample data for 'mushrooms'; give your own with --data"):
        sample("mushrooms", Home.at(tmp_path))


def test_given_data_is_not_made(tmp_path: Path) -> None:
    assert not given(str(tmp_path)).made
    assert given("gs://bucket/raw").uri == "gs://bucket/raw"


def test_given_of_what_is_no_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="--data: expected a folder or a gs:// URI"):
        given(str(tmp_path / "missing"))
