import csv
from pathlib import Path

import numpy as np
import pytest

from samples.sample import SampleError
from samples.taxifare import CORRUPTIONS, SyntheticTaxifare, corrupt

ROW = ["8.5", "-73.9", "40.7", "-74.0", "40.8", "2"]


def rows(file: Path) -> list[list[str]]:
    with file.open(newline="") as stream:
        return list(csv.reader(stream))


def test_write_twice_with_one_seed_makes_the_same_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        SyntheticTaxifare(rows=200).write(tmp_path / folder)
    for name in ("taxi-train.csv", "taxi-valid.csv", "README.txt", "LICENSE", "sample.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_write_with_another_seed_makes_other_trips(tmp_path: Path) -> None:
    SyntheticTaxifare(rows=200, seed=0).write(tmp_path / "a")
    SyntheticTaxifare(rows=200, seed=1).write(tmp_path / "b")
    assert rows(tmp_path / "a" / "taxi-train.csv") != rows(tmp_path / "b" / "taxi-train.csv")


def test_write_of_fewer_rows_replaces_the_larger_set(tmp_path: Path) -> None:
    assert SyntheticTaxifare(rows=200).write(tmp_path) == 2
    assert SyntheticTaxifare(rows=200).write(tmp_path) == 0
    assert SyntheticTaxifare(rows=100).write(tmp_path) == 2
    assert len(rows(tmp_path / "taxi-train.csv")) == 100
    assert len(rows(tmp_path / "taxi-valid.csv")) == 20


def test_validation_rows_are_valid_and_of_the_course_s_format(tmp_path: Path) -> None:
    SyntheticTaxifare(rows=5000).write(tmp_path)
    valid = rows(tmp_path / "taxi-valid.csv")
    assert [row[6] for row in valid] == [str(index) for index in range(1000)]
    for fare, *coordinates, passengers, _key in valid:
        assert 2.5 <= float(fare) < 300
        assert all(-75 < float(longitude) < -73 for longitude in coordinates[::2])
        assert all(40 < float(latitude) < 42 for latitude in coordinates[1::2])
        assert 1 <= int(passengers) <= 6


def test_training_rows_have_a_few_corruptions_and_readme_says_so(tmp_path: Path) -> None:
    SyntheticTaxifare(rows=5000).write(tmp_path)
    train = rows(tmp_path / "taxi-train.csv")
    lost = sum(row[1] == "0.0" for row in train)
    assert 5 <= lost <= 50
    assert any(row[0].startswith("-") for row in train)
    readme = (tmp_path / "README.txt").read_text()
    assert "MADE UP" in readme
    assert "all four coordinates are 0: 0.40%" in readme


def test_rows_out_of_range_names_the_field() -> None:
    with pytest.raises(SampleError, match="rows: expected at least 10, received 3"):
        SyntheticTaxifare(rows=3)


def test_corrupt_leaves_most_rows_and_the_given_list_alone() -> None:
    rows = [list(ROW) for _ in range(2000)]
    changed = corrupt(np.random.default_rng(0), rows)
    assert rows == [ROW] * 2000
    assert 0.97 < sum(row == ROW for row in changed) / 2000 < 1


def test_each_corruption_is_what_its_description_says() -> None:
    assert [function(list(ROW)) for _, function in CORRUPTIONS.values()] == [
        ["8.5", "0.0", "0.0", "0.0", "0.0", "2"],
        ["-8.5", *ROW[1:]],
        [*ROW[:5], "0"],
        ROW[:5],
        ["n/a", *ROW[1:]],
    ]
