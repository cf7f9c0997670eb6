"""The emulator and Airflow on one machine.

python -m local_stack up
"""

from __future__ import annotations

import argparse
import signal
import sys

from local_stack.commands import demo, down, status, up
from local_stack.console import console
from local_stack.errors import StackError
from local_stack.home import Home


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local_stack", description=__doc__)
    parser.add_argument("--home", metavar="DIR", help="where the stack lives ($PERENNIAL_HOME, else .local)")
    commands = parser.add_subparsers(dest="command", required=True)
    for command, words in {
        up: "start everything that doesn't run and print the addresses",
        down: "stop everything, jobs included",
        status: "what runs, since when, and where",
        demo: "take one dataset from raw data to a served model, and ask the model",
    }.items():
        subparser = commands.add_parser(command.__name__, help=words, description=words)
        subparser.set_defaults(run=command)
        if command is demo:
            subparser.add_argument(
                "--dataset", default="flowers", help="the DAG is <dataset>_training (%(default)s)"
            )
            subparser.add_argument(
                "--data", help="folder or gs:// URI; by default the dataset's rendered sample"
            )
            subparser.add_argument(
                "--set", action="append", default=[], metavar="PARAM=JSON",
                help="a parameter of the run, train_steps=100 for instance; may be repeated",
            )  # fmt: skip
    options = parser.parse_args(arguments)
    # kill(1) and a closed terminal end a command as Ctrl-C does: what it started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored below nohup
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        return int(options.run(Home.at(options.home), options))
    except StackError as error:
        console.print(f"failed: {error}", markup=False, soft_wrap=True, style="red")
        return 1
    except KeyboardInterrupt:
        console.print("interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
