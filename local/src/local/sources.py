"""Raw data of a run: the user's own, or the dataset's sample."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from local import StackError, module_runner
from local.console import console
from local.paths import CHECKOUT, StackPaths

_MODULE = "samples"
# argparse's and typer's exit status for a command line that they can't parse, an unknown dataset here.
_USAGE_ERROR = 2


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
    completed = subprocess.run(
        _command(dataset, paths), cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=False
    )
    if completed.returncode != 0:
        raise StackError(f"no sample data for {dataset!r}; give your own with --data (make: DATA=folder)")
    facts = json.loads(completed.stdout)
    state = "written" if facts["written"] else "there already"
    console.print(f"sample {dataset}: {facts['description']}, {state}", markup=False, soft_wrap=True)
    return Source(uri=str(paths.samples / dataset), synthetic=facts["made"], description=facts["description"])


@dataclass(frozen=True, kw_only=True)
class SampleSummary:
    """Samples of several datasets after an attempt to provide them.

    Attributes:
        written: datasets whose sample was fetched or generated now.
        unchanged: datasets whose folder held its sample.
        missing: dataset -> reason.
    """

    written: Collection[str]
    unchanged: Collection[str]
    missing: Mapping[str, str]

    def __str__(self) -> str:
        groups = {"fetched": self.written, "there already": self.unchanged, "missing": self.missing}
        return ", ".join(f"{len(group)} {state}" for state, group in groups.items() if group) or "none"


class SampleFetcher:
    """Concurrent subprocesses that fetch or generate samples; a context manager that terminates them.

    Args:
        datasets: names; those without a sample are left out of the summary.
        paths: of the stack.
    """

    def __init__(self, datasets: Collection[str], paths: StackPaths) -> None:
        self._cancelled = False
        self._processes = {
            dataset: subprocess.Popen(
                _command(dataset, paths), cwd=CHECKOUT, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for dataset in sorted(datasets)
        }  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()
        for process in self._processes.values():
            with process:  # closes its pipes and waits
                pass

    def cancel(self) -> None:
        """Terminate the processes that still run, which makes `wait` fail."""
        self._cancelled = True
        for process in self._processes.values():
            process.terminate()

    def wait(self) -> SampleSummary:
        """Wait for all samples; a sample that can't be fetched is part of the summary.

        Raises:
            StackError: `cancel` was called.
        """
        written: list[str] = []
        unchanged: list[str] = []
        missing: dict[str, str] = {}
        for dataset, process in self._processes.items():
            output, log = process.communicate()
            if self._cancelled:
                raise StackError("stopped fetching samples")
            if process.returncode == 0:
                (written if json.loads(output)["written"] else unchanged).append(dataset)
            elif process.returncode != _USAGE_ERROR:
                missing[dataset] = _last_line(log) or f"status {process.returncode}"
        return SampleSummary(written=written, unchanged=unchanged, missing=missing)


def _command(dataset: str, paths: StackPaths) -> list[str]:
    folder = paths.samples / dataset
    return module_runner.command(_MODULE, [dataset, "--output-dir", str(folder), "--json"])


def _last_line(log: str) -> str:
    lines = log.strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else ""
