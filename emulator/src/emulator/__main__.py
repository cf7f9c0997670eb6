"""Emulator of Cloud Storage, Dataflow, Vertex AI and Cloud Logging.

python -m emulator --root .local/emulator --port 9023 --image perennial/trainer=trainer.task
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from emulator import gcs_fuse
from emulator.config import DEFAULT_PROJECT
from emulator.container_runtime import CHOICES as ENGINES
from emulator.coverage import coverage_document
from emulator.iam.accounts import AccountsFileError
from emulator.limits import LOG_READS, Capacity
from emulator.server import RootInUseError, serve


def main(arguments: list[str] | None = None) -> int:
    """Run the emulator, or print the coverage document; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="perennial-emulator",
        description="Cloud Storage, Dataflow, Vertex AI and Cloud Logging on one loopback port.",
    )
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(".local/emulator"),
        help="folder for everything it keeps (%(default)s)",
    )
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="file that gets the port once requests are answered")
    parser.add_argument(
        "--image", type=_image, action="append", default=[], metavar="NAME=MODULE",
        help="run `python -m MODULE` for container images whose URI ends in NAME; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--engine", choices=ENGINES, default="auto",
        help="container engine for images without a module; auto takes the first that answers (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME",
        help="serve requests to this host name besides localhost and 127.0.0.1; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--project", default=DEFAULT_PROJECT, help="project of the service accounts (%(default)s)"
    )
    parser.add_argument(
        "--accounts", type=Path, metavar="FILE",
        help="TOML file of service accounts and their roles; without one the owner is alone, and may do all",
    )  # fmt: skip
    parser.add_argument(
        "--log-reads", type=_positive, default=LOG_READS.value, metavar="NUMBER",
        help="requests of entries.list that a project may make in a minute (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--quota", type=_quota, action="append", default=[], metavar="ACCELERATOR=NUMBER",
        help="accelerators of this name that a project's jobs may use at once; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--pretend-accelerators", action="store_true",
        help="run jobs without the accelerators that they ask for; else such a job fails",
    )  # fmt: skip
    parser.add_argument(
        "--deploy-seconds", type=float, default=0.0, metavar="SECONDS",
        help="time until a deployed model has a machine (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--network", action="append", default=[], metavar="NAME",
        help="VPC network that the projects have, in place of the one called default; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--subnetwork", action="append", default=[], metavar="NAME",
        help="subnetwork with Private Google Access, in every region; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--repository", action="append", default=[], metavar="NAME",
        help="repository of images, of all regions; may be repeated (default: every one is there)",
    )  # fmt: skip
    parser.add_argument(
        "--disable-api", action="append", default=[], metavar="NAME",
        help="API that is not enabled, dataflow.googleapis.com for instance; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--gcs-fuse", choices=gcs_fuse.CHOICES, default=gcs_fuse.AUTO,
        help="the buckets as training jobs see them: mounted as by Cloud Storage FUSE where that is "
             "possible, or plain folders (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--coverage", action="store_true", help="print docs/coverage.md and exit")
    options = parser.parse_args(arguments)
    if options.coverage:
        print(coverage_document(), end="")
        return 0
    try:
        serve(
            options.root, options.port, dict(options.image),
            engine=options.engine, allowed_hosts=options.allow_host, project=options.project,
            accounts_file=options.accounts, port_file=options.port_file, fuse=options.gcs_fuse,
            capacity=Capacity(
                log_reads=options.log_reads, quotas=dict(options.quota),
                pretended=options.pretend_accelerators, deploy_seconds=options.deploy_seconds,
                networks=tuple(options.network) or ("default",),
                subnetworks=tuple(options.subnetwork), repositories=tuple(options.repository),
                disabled_apis=frozenset(options.disable_api),
            ),
        )  # fmt: skip
    except (RootInUseError, AccountsFileError, OSError) as error:
        print(f"emulator: {error}", file=sys.stderr)
        return 1
    return 0


def _image(text: str) -> tuple[str, str]:
    name, separator, module = text.partition("=")
    if not (name and separator and module):
        raise argparse.ArgumentTypeError(f"expected NAME=MODULE, received {text!r}")
    return name, module


def _quota(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not (name and number.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected ACCELERATOR=NUMBER, received {text!r}")
    return name, int(number)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, received {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
