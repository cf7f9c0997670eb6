"""Which runs a backfill would make, what they would convert, how long and for how much; makes nothing.

python -m retraining.plan yellow_taxi --from 2019-01-01 --to 2019-12-01
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from rich.console import Console

from contract import ContractError
from retraining.errors import ConfigurationError
from retraining.google import Clients
from retraining.google.storage import Storage
from retraining.plan.arguments import argument_parser
from retraining.plan.deployment import Request, airflow_command, plan_backfill
from retraining.plan.runs import Plan
from retraining.plan.table import show
from retraining.settings import Settings
from retraining.spec import read_spec


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a backfill's plan; the exit status is 2 for one that can't be made."""
    parser = argument_parser(__doc__ or "")
    options = parser.parse_args(arguments)
    try:
        # Airflow's own remarks go to the standard output, which belongs to programs.
        with redirect_stdout(sys.stderr):
            found, command = _plan(options)
    except (ConfigurationError, ContractError) as error:
        parser.error(str(error))
    if options.json:
        print(json.dumps({**found.to_json(), "command": command}, indent=2))
    else:
        console = Console(highlight=False)
        show(found, console)
        if found.made:
            console.print(f"To make it: {command}", style="dim", markup=False, soft_wrap=True)
    return 0


def _plan(options: argparse.Namespace) -> tuple[Plan, str]:
    from airflow.utils.session import create_session

    spec = read_spec(options.dataset, options.dags)
    request = Request(
        since=options.since,
        until=options.until,
        source=options.source,
        tier=options.tier,
        spot=options.spot,
        reprocess=options.reprocess,
        parallel=options.max_active_runs,
    )
    settings = Settings.from_environment()
    clients = Clients(settings.connection_id, project=settings.project, region=settings.region)
    try:
        with create_session() as session:
            found = plan_backfill(spec, request, settings, Storage(clients), session)
    finally:
        clients.close()
    return found, airflow_command(spec, request, found)


if __name__ == "__main__":
    sys.exit(main())
