"""Makes the sample data of a dataset: `python -m samples flowers --output-dir DIR`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from samples.errors import SampleError
from samples.flowers import DEFAULT_IMAGES, DEFAULT_SIZE, RenderedFlowers


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line as a namespace; exits with a message where it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m samples", description=__doc__)
    datasets = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    flowers = datasets.add_parser(
        "flowers",
        help="rendered pictures of five kinds of flowers",
        description="Renders flower pictures, one folder per kind. They are drawn, not photographed.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    flowers.add_argument("--output-dir", type=Path, required=True, help="the folder to fill")
    flowers.add_argument("--images", type=int, default=DEFAULT_IMAGES, help="how many, all kinds together")
    flowers.add_argument("--seed", type=int, default=0, help="the same seed makes the same files")
    flowers.add_argument("--size", type=int, default=DEFAULT_SIZE, help="the longer side, in pixels")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Render what the command line asks for.

    Returns:
        The exit status: 0, or 1 where a flag can't be used.
    """
    flags = parse(argv)
    try:
        flowers = RenderedFlowers(images=flags.images, seed=flags.seed, size=flags.size)
        written = flowers.write(flags.output_dir, progress=lambda line: print(line, flush=True))
    except SampleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if written:
        print(f"{flags.output_dir}: {written} pictures rendered (seed {flags.seed})")
    else:
        print(f"{flags.output_dir}: nothing to do, it already holds these {flags.images} pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
