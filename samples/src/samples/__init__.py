"""Sample data of each dataset, synthetic or downloaded; the command is `python -m samples`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from samples.fetched import FetchedSample
from samples.flowers import RenderedFlowers
from samples.public_datasets import AUTOENCODER, CENSUS, YELLOW_TAXI
from samples.sample import Progress, Sample, SampleError, silent
from samples.taxifare import SyntheticTaxifare

__all__ = [
    "SAMPLES",
    "FetchResult",
    "FetchedSample",
    "Progress",
    "Sample",
    "SampleError",
    "fetch",
    "fetch_all",
]

SAMPLES: Mapping[str, Sample] = MappingProxyType(
    {
        "autoencoder": AUTOENCODER,
        "census": CENSUS,
        "flowers": RenderedFlowers(),
        "taxifare": SyntheticTaxifare(),
        "yellow_taxi": YELLOW_TAXI,
    }
)
"""Default sample of every dataset."""


@dataclass(frozen=True, kw_only=True)
class FetchResult:
    """Outcome for one dataset; its fields, with the folder as text, are the line that `--json` prints.

    Attributes:
        dataset: name of the dataset.
        folder: folder that holds the sample.
        written: number of data files written; 0 if the folder already held the sample, or on an error.
        synthetic: True if a program generated the data.
        description: content in a few words.
        error: reason why there is no sample; `None` on success.
    """

    dataset: str
    folder: Path
    written: int
    synthetic: bool
    description: str
    error: str | None = None


def fetch(dataset: str, sample: Sample, folder: Path, *, progress: Progress = silent) -> FetchResult:
    """Write a sample to a folder, unless it is complete; a failure is part of the result."""
    written, error = 0, None
    try:
        written = sample.write(folder, progress=progress)
    except (SampleError, OSError) as caught:
        error = str(caught)
    return FetchResult(
        dataset=dataset, folder=folder, written=written, error=error,
        synthetic=sample.synthetic, description=sample.description,
    )  # fmt: skip


def fetch_all(
    root: Path, *, samples: Mapping[str, Sample] = SAMPLES, progress: Progress = silent
) -> Iterator[FetchResult]:
    """Write samples in parallel, each to the folder of its dataset's name below `root`.

    Args:
        root: created if it is missing.
        samples: dataset -> its sample.
        progress: gets lines that begin with the name of the dataset; called by several threads.

    Yields:
        One result per dataset, in order of completion.
    """

    def fetch_one(dataset: str, sample: Sample) -> FetchResult:
        return fetch(dataset, sample, root / dataset, progress=lambda line: progress(f"{dataset}: {line}"))

    with ThreadPoolExecutor(len(samples)) as pool:
        for future in as_completed([pool.submit(fetch_one, *item) for item in samples.items()]):
            yield future.result()
