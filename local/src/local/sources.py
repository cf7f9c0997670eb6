"""Raw data of a run: the user's own, or the dataset's sample."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from local import StackError, module_runner
from local.console import console
from local.paths import CHECKOUT, StackPaths

_MODULE = "samples"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Raw data.

    Attributes:
        uri: an absolute folder or a gs:// URI.
        synthetic: True if it is generated; reported with every result.
        description: a few words.
    """

    uri: str
    synthetic: bool
    description: str = "data"


def from_uri(data: str) -> Source:
    """Return the source that the user named.

    Raises:
        StackError: there is no such folder.
    """
    if data.startswith("gs://"):
        return Source(uri=data, synthetic=False)
    folder = Path(data).expanduser().resolve()
    if not folder.is_dir():
        raise StackError(f"--data: expected a folder or a gs:// URI, received {data!r}, which is no folder")
    return Source(uri=str(folder), synthetic=False)


def sample(dataset: str, paths: StackPaths) -> Source:
    """Return a dataset's sample, generated or fetched unless it is there already.

    Raises:
        StackError: there is no sample of this dataset, or it can't be fetched; `samples` has said why.
    """
    folder = paths.samples / dataset
    completed = subprocess.run(
        module_runner.command(_MODULE, [dataset, "--output-dir", str(folder), "--json"]),
        cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if completed.returncode != 0:
        raise StackError(f"no sample data for {dataset!r}; give your own with --data (make: DATA=folder)")
    facts = json.loads(completed.stdout)
    state = "written" if facts["written"] else "there already"
    console.print(f"sample {dataset}: {facts['description']}, {state}", markup=False, soft_wrap=True)
    return Source(uri=str(folder), synthetic=facts["synthetic"], description=facts["description"])


@dataclass(frozen=True, kw_only=True)
class SampleResult:
    """Outcome of fetching or generating one dataset's sample.

    Attributes:
        dataset: its name.
        written: number of files written; 0 if the folder held the sample.
        error: reason why there is no sample; `None` on success.
    """

    dataset: str
    written: int
    error: str | None


class SampleFetcher:
    """Subprocess that fetches or generates the samples of all datasets; a context manager that terminates it.

    Args:
        paths: of the stack; progress goes to the log file `samples.log`.
    """

    def __init__(self, paths: StackPaths) -> None:
        with (paths.logs / f"{_MODULE}.log").open("w") as log:
            self._process = subprocess.Popen(
                module_runner.command(_MODULE, ["--all", "--output-root", str(paths.samples), "--json"]),
                cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()
        with self._process:  # closes its pipe and waits
            pass

    def cancel(self) -> None:
        """Terminate the process, which ends `results`."""
        self._process.terminate()

    def results(self) -> Iterator[SampleResult]:
        """Yield the result of each dataset, in order of completion."""
        for line in self._process.stdout or ():
            fields = json.loads(line)
            yield SampleResult(dataset=fields["dataset"], written=fields["written"], error=fields["error"])
