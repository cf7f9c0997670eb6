from pathlib import Path

import pytest

from local import StackError
from local.paths import StackPaths
from local.sources import SampleFetcher, from_uri, sample


def test_sample_that_a_program_generates_is_synthetic(tmp_path: Path) -> None:
    raw = sample("taxifare", StackPaths.at(tmp_path))
    assert raw.synthetic
    assert raw.description == "made-up taxi trips of New York"
    assert (Path(raw.uri) / "taxi-train.csv").is_file()


def test_sample_of_an_unknown_dataset_says_how_to_give_own_data(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no sample data for 'mushrooms'; give your own with --data"):
        sample("mushrooms", StackPaths.at(tmp_path))


def test_from_uri_is_not_synthetic(tmp_path: Path) -> None:
    assert not from_uri(str(tmp_path)).synthetic
    assert from_uri("gs://bucket/raw").uri == "gs://bucket/raw"


def test_from_uri_of_what_is_no_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="--data: expected a folder or a gs:// URI"):
        from_uri(str(tmp_path / "missing"))


def test_fetcher_brings_each_sample_once_and_leaves_datasets_without_one_out(tmp_path: Path) -> None:
    paths = StackPaths.at(tmp_path)
    for state in ("1 fetched", "1 there already"):
        with SampleFetcher(["taxifare", "mushrooms"], paths) as fetcher:
            summary = fetcher.wait()
        assert str(summary) == state
        assert not summary.missing
    assert (paths.samples / "taxifare" / "taxi-train.csv").is_file()


def test_fetcher_says_why_a_sample_is_missing_and_brings_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    with SampleFetcher(["census", "taxifare"], StackPaths.at(tmp_path)) as fetcher:
        summary = fetcher.wait()
    assert str(summary) == "1 fetched, 1 missing"
    assert "127.0.0.1:9" in summary.missing["census"]


def test_cancelled_fetcher_ends_its_processes(tmp_path: Path) -> None:
    with SampleFetcher(["flowers"], StackPaths.at(tmp_path)) as fetcher:
        fetcher.cancel()
        with pytest.raises(StackError):
            fetcher.wait()
    assert not list(tmp_path.rglob("rendered.json"))
