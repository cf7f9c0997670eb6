"""Samples of several datasets at once."""

from __future__ import annotations

from pathlib import Path

from samples import SAMPLES, SampleError, fetch_all
from samples.taxifare import SyntheticTaxifare


class Offline(SyntheticTaxifare):
    def write(self, folder: Path, *, progress=print) -> int:
        progress("downloading")
        raise SampleError("index", expected="a package", received="nothing")


def test_fetch_all_with_one_failure_writes_the_others_and_names_it(tmp_path):
    lines: list[str] = []
    samples = {"good": SyntheticTaxifare(rows=20), "bad": Offline()}

    results = sorted(fetch_all(tmp_path, samples=samples, progress=lines.append), key=lambda r: r.written)

    assert [(r.dataset, r.folder, r.written) for r in results] == [
        ("bad", tmp_path / "bad", 0),
        ("good", tmp_path / "good", 2),
    ]
    assert results[0].error == "index: expected a package, received 'nothing'"
    assert results[1].error is None
    assert set(lines) == {"bad: downloading", "good: generating 24 trips"}


def test_fetch_all_again_writes_nothing(tmp_path):
    samples = {"good": SyntheticTaxifare(rows=20)}

    assert [r.written for _ in range(2) for r in fetch_all(tmp_path, samples=samples)] == [2, 0]


def test_samples_are_those_of_every_shipped_dataset():
    assert sorted(SAMPLES) == ["autoencoder", "census", "flowers", "taxifare", "yellow_taxi"]
