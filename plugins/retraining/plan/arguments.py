"""What `python -m retraining.plan` takes."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from retraining.errors import ConfigurationError
from retraining.plan.times import read_time
from retraining.spec import DAGS


def argument_parser(description: str) -> argparse.ArgumentParser:
    """The command line of `python -m retraining.plan`."""
    parser = argparse.ArgumentParser(
        prog="python -m retraining.plan",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Reads Airflow, the bucket and the source that the environment names; of a local stack: "
        ". .local/env",
    )
    parser.add_argument("dataset", metavar="DATASET")
    add = parser.add_argument
    add("--from", dest="since", type=_time, required=True, metavar="TIME", help="first logical date, UTC")
    add("--to", dest="until", type=_time, required=True, metavar="TIME",
        help="last logical date, UTC, which still belongs to it; of a mere date, its midnight")  # fmt: skip
    add("--source", default="", metavar="FOLDER|URI", help="in place of the spec's, as the run's parameter")
    add("--tier", default="", metavar="NAME", help="in place of the spec's, as the run's parameter")
    add("--spot", action="store_true", help="train on spare capacity")
    add("--reprocess", choices=("none", "failed", "completed"), default="none",
        help="which runs that exist already are made again (%(default)s)")  # fmt: skip
    add("--max-active-runs", type=_count, default=0, metavar="N",
        help="runs at a time (default, and at most: what the spec allows)")  # fmt: skip
    add("--dags", type=Path, default=DAGS, metavar="FOLDER", help="where the DAG files are (%(default)s)")
    add("--json", action="store_true", help="for programs")
    return parser


def _time(text: str) -> datetime:
    try:
        return read_time(text)
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, received {text!r}")
    return int(text)
