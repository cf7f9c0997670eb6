"""What every dataset's sample is to the command line, and the marker that says that a folder holds it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from samples.errors import SampleError

Progress = Callable[[str], None]
"""Gets a line now and then while a sample is made or fetched."""


def silent(_line: str) -> None:
    """Progress that nobody looks at."""


class Sample(Protocol):
    """The sample data of one dataset: a value that knows how to fill a folder, and whether it has."""

    @property
    def made(self) -> bool:
        """Whether a program made it up; otherwise it is real data."""
        ...

    @property
    def description(self) -> str:
        """What it holds, in a few words."""
        ...

    def is_in(self, folder: Path) -> bool:
        """Whether a folder already holds exactly this sample."""
        ...

    def write(self, folder: Path, *, progress: Progress = silent) -> int:
        """Fill a folder. Files of others in it stay as they are.

        Returns:
            How many files of data were written: 0 if the folder already holds exactly this sample.

        Raises:
            SampleError: `folder` is a file, or the data can't be had.
        """
        ...


def check_folder(folder: Path) -> None:
    """Make sure that a sample may be written here.

    Raises:
        SampleError: it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise SampleError("output-dir", expected="a folder", received=str(folder))


def sizes(folder: Path, names: Iterable[str]) -> dict[str, int | None]:
    """The bytes of each file; `None` for one that is missing."""
    files = {name: folder / name for name in names}
    return {name: file.stat().st_size if file.is_file() else None for name, file in files.items()}


def write_marker(folder: Path, name: str, content: Mapping[str, object]) -> None:
    """Say what the folder holds now: what it was made from, and its files with their sizes. Written last."""
    (folder / name).write_text(json.dumps(content, indent=2) + "\n")


def marker_holds(folder: Path, name: str, content: Mapping[str, object]) -> bool:
    """Whether the folder's marker says just this."""
    try:
        return bool(json.loads((folder / name).read_text()) == content)
    except (FileNotFoundError, json.JSONDecodeError):
        return False
