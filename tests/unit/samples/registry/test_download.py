import hashlib
from pathlib import Path

import pytest

from samples.errors import SampleError
from samples.registry.download import download

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_download_interrupted_and_refused_is_tried_again(registry, tmp_path: Path) -> None:
    registry.files["/a.tgz"] = CONTENT
    registry.broken, registry.busy = 1, 1
    said: list[str] = []

    download(f"{registry.url}/a.tgz", tmp_path / "a.tgz", sha256=SHA256, progress=said.append)

    assert (tmp_path / "a.tgz").read_bytes() == CONTENT
    assert len(registry.requests) == 3
    assert [line.rsplit("; ")[-1] for line in said] == ["try 2 of 5", "try 3 of 5"]


def test_download_of_other_content_names_url_and_both_checksums(registry, tmp_path: Path) -> None:
    registry.files["/a.tgz"] = b"something else"
    url = f"{registry.url}/a.tgz"

    with pytest.raises(SampleError) as caught:
        download(url, tmp_path / "a.tgz", sha256=SHA256, progress=print)

    received = hashlib.sha256(b"something else").hexdigest()
    assert str(caught.value) == f"{url}: expected sha256 {SHA256}, received 'sha256 {received}'"


def test_download_of_what_is_not_there_is_not_tried_again(registry, tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"/gone.tgz: expected a file .*, received .404 Not Found"):
        download(f"{registry.url}/gone.tgz", tmp_path / "a.tgz", sha256=SHA256, progress=print)
    assert len(registry.requests) == 1


def test_download_from_a_server_that_is_down_gives_up_and_names_the_url(registry, tmp_path: Path) -> None:
    registry.files["/a.tgz"], registry.busy = CONTENT, 99
    with pytest.raises(SampleError, match=r"/a.tgz: .*503"):
        download(f"{registry.url}/a.tgz", tmp_path / "a.tgz", sha256=SHA256, progress=print)
    assert len(registry.requests) == 5
