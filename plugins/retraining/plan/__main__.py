"""Print a backfill's runs, conversions, duration and cost without starting anything.

python -m retraining.plan yellow_taxi --from 2019-01-01 --to 2019-12-01
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contract import ContractError
from retraining.context import GoogleServices
from retraining.errors import ConfigurationError
from retraining.plan.runs import COLUMNS, NUMERIC_COLUMNS, Plan, parse_time
from retraining.spec import DAGS, read_spec

_STYLES = {"create": "", "repeat": "yellow", "leave": "dim", "lack": "dim"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a backfill's plan; the exit status is 2 if it can't be made."""
    parser = argument_parser()
    options = parser.parse_args(arguments)
    try:
        # Airflow prints messages of its own, from its import on, to the standard output that it then finds.
        with redirect_stdout(sys.stderr):
            plan, command = _plan(options)
    except (ConfigurationError, ContractError) as error:
        parser.error(str(error))
    if options.json:
        print(json.dumps({**plan.to_json(), "command": command}, indent=2))
    else:
        console = Console(highlight=False)
        print_plan(plan, console)
        if plan.executed_runs:
            console.print(f"To make it: {command}", style="dim", markup=False, soft_wrap=True)
    return 0


def argument_parser() -> argparse.ArgumentParser:
    """Return the command line parser of `python -m retraining.plan`."""
    parser = argparse.ArgumentParser(
        prog="python -m retraining.plan",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Reads Airflow, the bucket and the source that the environment names; of a local stack: "
        ". .local/env",
    )
    parser.add_argument("dataset", metavar="DATASET")
    add = parser.add_argument
    add("--from", dest="since", type=_time, required=True, metavar="TIME", help="first logical date, UTC")
    add("--to", dest="until", type=_time, required=True, metavar="TIME",
        help="last logical date, UTC, inclusive; of a date, its midnight")  # fmt: skip
    add("--source", default="", metavar="FOLDER|URI", help="in place of the spec's, as the run's parameter")
    add("--tier", default="", metavar="NAME", help="in place of the spec's, as the run's parameter")
    add("--spot", action="store_true", help="train on Spot VMs")
    add("--reprocess", choices=("none", "failed", "completed"), default="none",
        help="existing runs to repeat (%(default)s)")  # fmt: skip
    add("--max-active-runs", type=_count, default=0, metavar="N",
        help="runs at a time (default, and at most: what the spec allows)")  # fmt: skip
    add("--dags", type=Path, default=DAGS, metavar="FOLDER", help="folder of the DAG files (%(default)s)")
    add("--json", action="store_true", help="print JSON")
    return parser


def print_plan(plan: Plan, console: Console) -> None:
    """Print a table of a plan's runs, then its estimates."""
    if plan.runs:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in COLUMNS:
            table.add_column(column, justify="right" if column in NUMERIC_COLUMNS else "left")
        for run in plan.runs:
            table.add_row(*run.cells(), style=_STYLES[run.action])
        console.print(table)
    console.print(Text(plan.summary(), style="bold"))
    for line in plan.estimate_lines():
        console.print(Text(line))


def _plan(options: argparse.Namespace) -> tuple[Plan, str]:
    from airflow.utils.session import create_session

    from retraining.plan.deployment import BackfillRequest, airflow_command, plan_backfill

    spec = read_spec(options.dataset, options.dags)
    request = BackfillRequest(
        since=options.since,
        until=options.until,
        source=options.source,
        tier=options.tier,
        spot=options.spot,
        reprocess=options.reprocess,
        parallel=options.max_active_runs,
    )
    services = GoogleServices.from_environment()
    try:
        with create_session() as session:
            plan = plan_backfill(spec, request, services, session)
    finally:
        services.clients.close()
    return plan, airflow_command(spec, request, plan)


def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, received {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
