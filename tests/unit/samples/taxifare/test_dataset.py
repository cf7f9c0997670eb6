import csv
from pathlib import Path

import pytest

from samples.errors import SampleError
from samples.taxifare import MadeTaxifare


def rows(file: Path) -> list[list[str]]:
    with file.open(newline="") as stream:
        return list(csv.reader(stream))


def test_write_twice_with_one_seed_makes_the_same_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        MadeTaxifare(rows=200).write(tmp_path / folder)
    for name in ("taxi-train.csv", "taxi-valid.csv", "README.txt", "LICENSE", "made.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_write_with_another_seed_makes_other_trips(tmp_path: Path) -> None:
    MadeTaxifare(rows=200, seed=0).write(tmp_path / "a")
    MadeTaxifare(rows=200, seed=1).write(tmp_path / "b")
    assert rows(tmp_path / "a" / "taxi-train.csv") != rows(tmp_path / "b" / "taxi-train.csv")


def test_write_of_fewer_rows_replaces_the_larger_set(tmp_path: Path) -> None:
    assert MadeTaxifare(rows=200).write(tmp_path) == 2
    assert MadeTaxifare(rows=200).write(tmp_path) == 0
    assert MadeTaxifare(rows=100).write(tmp_path) == 2
    assert len(rows(tmp_path / "taxi-train.csv")) == 100
    assert len(rows(tmp_path / "taxi-valid.csv")) == 20


def test_validation_rows_are_clean_and_of_the_course_s_format(tmp_path: Path) -> None:
    MadeTaxifare(rows=5000).write(tmp_path)
    valid = rows(tmp_path / "taxi-valid.csv")
    assert [row[6] for row in valid] == [str(index) for index in range(1000)]
    for fare, *coordinates, passengers, _key in valid:
        assert 2.5 <= float(fare) < 300
        assert all(-75 < float(longitude) < -73 for longitude in coordinates[::2])
        assert all(40 < float(latitude) < 42 for latitude in coordinates[1::2])
        assert 1 <= int(passengers) <= 6


def test_training_rows_are_a_little_dirty_and_readme_says_so(tmp_path: Path) -> None:
    MadeTaxifare(rows=5000).write(tmp_path)
    train = rows(tmp_path / "taxi-train.csv")
    lost = sum(row[1] == "0.0" for row in train)
    assert 5 <= lost <= 50
    assert any(row[0].startswith("-") for row in train)
    readme = (tmp_path / "README.txt").read_text()
    assert "MADE UP" in readme
    assert "all four coordinates are 0: 0.40%" in readme


def test_rows_out_of_range_names_the_field() -> None:
    with pytest.raises(SampleError, match="rows: expected at least 10, received 3"):
        MadeTaxifare(rows=3)
