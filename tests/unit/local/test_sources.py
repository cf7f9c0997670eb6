from pathlib import Path

import pytest

from local import StackError
from local.paths import StackPaths
from local.sources import SampleFetcher, SampleResult, from_uri, sample


def test_sample_that_a_program_generates_is_synthetic(tmp_path: Path) -> None:
    raw = sample("taxifare", StackPaths.at(tmp_path))
    assert raw.synthetic
    assert raw.description == "synthetic taxi trips of New York"
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


@pytest.fixture
def paths(tmp_path: Path) -> StackPaths:
    paths = StackPaths.at(tmp_path)
    paths.create()
    return paths


def test_fetcher_without_a_network_generates_samples_and_says_why_others_are_missing(
    paths: StackPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "NPM_CONFIG_REGISTRY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9/")
    results: dict[str, SampleResult] = {}
    with SampleFetcher(paths) as fetcher:
        for result in fetcher.results():
            results[result.dataset] = result
            if {"census", "taxifare"} <= set(results):
                break
    assert "127.0.0.1" in str(results["census"].error)
    assert results["taxifare"] == SampleResult(dataset="taxifare", written=2, error=None)
    assert (paths.samples / "taxifare" / "taxi-train.csv").is_file()


def test_cancelled_fetcher_ends_its_results(paths: StackPaths) -> None:
    with SampleFetcher(paths) as fetcher:
        fetcher.cancel()
        assert list(fetcher.results()) == []
