"""Where the raw data of a demo comes from."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local_stack.console import console
from local_stack.errors import StackError
from local_stack.home import CHECKOUT, Home


@dataclass(frozen=True, kw_only=True)
class Source:
    """Raw data.

    Attributes:
        uri: an absolute folder or a gs:// URI.
        rendered: whether it is our own made-up sample; said wherever its results appear.
    """

    uri: str
    rendered: bool


def given(data: str) -> Source:
    """Data that the user named.

    Raises:
        StackError: there is no such folder.
    """
    if data.startswith("gs://"):
        return Source(uri=data, rendered=False)
    folder = Path(data).expanduser().resolve()
    if not folder.is_dir():
        raise StackError(f"--data: expected a folder or a gs:// URI, received {data!r}, which is no folder")
    return Source(uri=str(folder), rendered=False)


def sample(dataset: str, home: Home) -> Source:
    """The sample data of a dataset, rendered where it isn't there yet.

    Raises:
        StackError: there is no sample of this dataset; says the renderer's words.
    """
    folder = home.samples / dataset
    with console.status(f"rendering sample {dataset}"):
        completed = subprocess.run(
            [sys.executable, "-m", "samples", dataset, "--output-dir", str(folder)],
            cwd=CHECKOUT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if completed.returncode != 0:
        last_words = (completed.stderr or completed.stdout).strip().splitlines()[-1:]
        raise StackError(f"no sample data for {dataset!r}: {' '.join(last_words)}")
    console.print(completed.stdout.strip().splitlines()[-1], markup=False, soft_wrap=True)
    return Source(uri=str(folder), rendered=True)
