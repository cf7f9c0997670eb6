"""Where raw data comes from: the user's own, or the dataset's sample."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local.console import console
from local.errors import StackError
from local.home import CHECKOUT, Home


@dataclass(frozen=True, kw_only=True)
class Source:
    """Raw data.

    Attributes:
        uri: an absolute folder or a gs:// URI.
        made: whether a program made it up; said wherever its results appear.
        description: what it is, in a few words.
    """

    uri: str
    made: bool
    description: str = "data"


def given(data: str) -> Source:
    """Data that the user named.

    Raises:
        StackError: there is no such folder.
    """
    if data.startswith("gs://"):
        return Source(uri=data, made=False)
    folder = Path(data).expanduser().resolve()
    if not folder.is_dir():
        raise StackError(f"--data: expected a folder or a gs:// URI, received {data!r}, which is no folder")
    return Source(uri=str(folder), made=False)


def sample(dataset: str, home: Home) -> Source:
    """The sample data of a dataset, made or fetched where it isn't there yet.

    Raises:
        StackError: there is no sample of this dataset, or it can't be fetched; `samples` has said why.
    """
    folder = home.samples / dataset
    completed = subprocess.run(
        [sys.executable, "-m", "samples", dataset, "--output-dir", str(folder), "--json"],
        cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if completed.returncode != 0:
        raise StackError(f"no sample data for {dataset!r}; give your own with --data (make: DATA=folder)")
    facts = json.loads(completed.stdout)
    words = "written" if facts["written"] else "there already"
    console.print(f"sample {dataset}: {facts['description']}, {words}", markup=False, soft_wrap=True)
    return Source(uri=str(folder), made=facts["synthetic"], description=facts["description"])
