from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from samples.errors import SampleError
from samples.registry import Archive, NpmPackage


def archive(file: Path, members: dict[str, bytes]) -> Archive:
    return Archive(
        package=NpmPackage(name="tiny", version="1.0.0", sha256=sha256(file.read_bytes()).hexdigest()),
        members={name: sha256(content).hexdigest() for name, content in members.items()},
        given=file,
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
        read(replace(archive(file, members), given=tmp_path / "missing"))
