"""Say before the first run what the deployment lacks, each with the command that mends it; changes nothing.

python -m retraining.preflight --tier BASIC_GPU

APIs, rights, the bucket and its region, images, packages, networks, and Vertex AI's quotas for the tiers of
the DAG files and their fallbacks. It asks as the account of the Airflow connection: what that may not see is
reported as unknown.
Exits with 1 if anything is missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from contract import ContractError
from contract.naming import dataset_of
from retraining.context import GoogleServices
from retraining.errors import ConfigurationError
from retraining.job_spec import Training
from retraining.preflight import PARTS, Finding, Preflight, Rights
from retraining.spec import DAGS, read_spec
from retraining.tiers import find_tier, machine_choices

PERMISSIONS_FILE = DAGS.parent / "infra" / "permissions.toml"
_STYLES = {"there": "green", "missing": "red", "unknown": "yellow"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is missing; returns 1 if anything is, 2 if the deployment isn't described."""
    parser = argument_parser()
    options = parser.parse_args(arguments)
    try:
        # Airflow prints messages of its own, from its import on, to the standard output that it then finds.
        with redirect_stdout(sys.stderr):
            found = _findings(options)
    except (ConfigurationError, ContractError) as error:
        parser.error(str(error))
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        _print(found, Console(highlight=False))
    return 1 if any(one.state == "missing" for one in found) else 0


def argument_parser() -> argparse.ArgumentParser:
    """Return the command line parser of `python -m retraining.preflight`."""
    parser = argparse.ArgumentParser(
        prog="python -m retraining.preflight",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--tier", dest="tiers", action="append", metavar="NAME",
        help="scale tier of the runs; may be repeated (default: those of the DAG files)")  # fmt: skip
    add("--spot", action="store_true", help="for runs that train on Spot VMs")
    add("--dags", type=Path, default=DAGS, metavar="FOLDER", help="folder of the DAG files (%(default)s)")
    add("--permissions", type=Path, default=PERMISSIONS_FILE, metavar="FILE",
        help="rights of the deployment's accounts (%(default)s)")  # fmt: skip
    add("--only", action="append", choices=PARTS, metavar="PART",
        help=f"look at one part alone: {', '.join(PARTS)}; may be repeated")  # fmt: skip
    add("--json", action="store_true", help="print JSON")
    return parser


def _findings(options: argparse.Namespace) -> list[Finding]:
    datasets = filter(None, (dataset_of(file.stem) for file in sorted(options.dags.glob("*.py"))))
    programs = [read_spec(dataset, options.dags).training for dataset in datasets]
    rights = Rights.read(options.permissions)
    services = GoogleServices.from_environment()
    settings = services.settings
    chosen = [
        Training(program=program, tier=machines.tier, spot=machines.spot, is_fallback=index > 0)
        for program in programs
        for name in options.tiers or [program.tier]
        for index, machines in enumerate(
            machine_choices(
                find_tier(name, settings.tiers),
                spot=options.spot,
                fallback=settings.infrastructure.training.fallback,
                tiers=settings.tiers,
            )
        )
    ]
    try:
        return list(Preflight(services, rights, chosen).findings(options.only or PARTS))
    finally:
        services.clients.close()


def _print(found: Sequence[Finding], console: Console) -> None:
    for one in found:
        reason = f": {one.reason}" if one.reason else ""
        console.print(
            f"{one.state:8} {one.subject}{reason}", style=_STYLES[one.state], markup=False, soft_wrap=True
        )
        if one.command:
            console.print(f"         {one.command}", markup=False, soft_wrap=True)
    counts = {state: sum(one.state == state for one in found) for state in _STYLES}
    console.print(", ".join(f"{count} {state}" for state, count in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
