import gzip
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from samples.archive import Archive, download
from samples.registries import NpmPackage
from samples.sample import SampleError

CONTENT = bytes(range(256)) * 1000
SHA256 = sha256(CONTENT).hexdigest()


def archive(file: Path, members: dict[str, bytes]) -> Archive:
    return Archive(
        package=NpmPackage(name="tiny", version="1.0.0", sha256=sha256(file.read_bytes()).hexdigest()),
        members={name: sha256(content).hexdigest() for name, content in members.items()},
        local_file=file,
    )


def read(wanted: Archive) -> dict[str, bytes]:
    with wanted.open(print) as contents:
        return dict(contents)


@pytest.fixture(params=["tarball", "wheel"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "archive"
    file.write_bytes(request.getfixturevalue(request.param))
    return file


def test_open_gives_the_wanted_members_only(file: Path, members) -> None:
    del members["package/other"]
    assert read(archive(file, members)) == members


def test_open_of_a_changed_member_names_it(file: Path, members) -> None:
    with pytest.raises(SampleError, match=r"archive: package/two: expected sha256 .*, received 'sha256 "):
        read(archive(file, {"package/two": b"as it was pinned"}))


def test_open_without_a_wanted_member_names_it(file: Path) -> None:
    with pytest.raises(SampleError, match=r"expected members \['package/gone'\]"):
        read(archive(file, {"package/gone": b""}))


def test_open_of_another_archive_names_both_checksums(file: Path, members) -> None:
    wanted = archive(file, members)
    file.write_bytes(b"not what was pinned")
    with pytest.raises(SampleError, match=r"expected tiny-1.0.0.tgz with sha256 .*, received 'sha256 "):
        read(wanted)


def test_open_of_a_file_that_is_not_there_names_it(file: Path, members, tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"from: expected the file tiny-1.0.0.tgz, received .*/missing"):
        read(replace(archive(file, members), local_file=tmp_path / "missing"))


def test_download_interrupted_and_refused_is_tried_again(registry, tmp_path: Path) -> None:
    registry.files["/a.tgz"] = CONTENT
    registry.broken, registry.busy = 1, 1
    said: list[str] = []

    download(f"{registry.url}/a.tgz", tmp_path / "a.tgz", sha256=SHA256, progress=said.append)

    assert (tmp_path / "a.tgz").read_bytes() == CONTENT
    assert len(registry.requests) == 3
    assert [line.rsplit("; ")[-1] for line in said] == ["attempt 2 of 5", "attempt 3 of 5"]


def test_download_of_other_content_names_url_and_both_checksums(registry, tmp_path: Path) -> None:
    registry.files["/a.tgz"] = b"something else"
    url = f"{registry.url}/a.tgz"

    with pytest.raises(SampleError) as caught:
        download(url, tmp_path / "a.tgz", sha256=SHA256, progress=print)

    received = sha256(b"something else").hexdigest()
    assert str(caught.value).startswith(f"{url}: expected sha256 {SHA256}, received ")
    assert f"got {received}" in str(caught.value)
    assert not (tmp_path / "a.tgz").exists()


def test_download_of_what_is_not_there_is_not_tried_again(registry, tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"/gone.tgz: expected a file .*, received 404 .*Not Found"):
        download(f"{registry.url}/gone.tgz", tmp_path / "a.tgz", sha256=SHA256, progress=print)
    assert len(registry.requests) == 1


def test_download_from_a_server_that_is_down_gives_up_and_names_the_url(registry, tmp_path: Path) -> None:
    registry.files["/a.tgz"], registry.busy = CONTENT, 99
    with pytest.raises(SampleError, match=r"/a.tgz: .*503"):
        download(f"{registry.url}/a.tgz", tmp_path / "a.tgz", sha256=SHA256, progress=print)
    assert len(registry.requests) == 5


def test_download_declared_as_compressed_keeps_the_archive_as_it_is(registry, tmp_path: Path) -> None:
    registry.files["/a.tgz"] = gzip.compress(CONTENT)
    registry.encoding = "gzip"
    pinned = sha256(registry.files["/a.tgz"]).hexdigest()

    download(f"{registry.url}/a.tgz", tmp_path / "a.tgz", sha256=pinned, progress=print)

    assert (tmp_path / "a.tgz").read_bytes() == registry.files["/a.tgz"]
