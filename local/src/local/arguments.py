"""The command line: a subcommand per command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from local import commands

_DEFAULT_DATASET = "flowers"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line as a namespace, whose `run` is a Command; exits where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m local", description="The emulator and Airflow on one machine."
    )
    parser.add_argument("--home", metavar="DIR", help="where the stack lives ($PERENNIAL_HOME, else .local)")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(command: commands.Command, words: str) -> argparse.ArgumentParser:
        subparser = subparsers.add_parser(command.__name__, help=words, description=words)
        subparser.set_defaults(run=command)
        return subparser

    add(commands.up, "start everything that doesn't run and print the addresses")
    add(commands.down, "stop everything, jobs included")
    add(commands.status, "what runs, since when, and where")
    demo = add(commands.demo, "take one dataset from raw data to a served model, and ask the model")
    _add_data(demo)
    demo.add_argument(
        "--set", action="append", default=[], metavar="PARAM=JSON",
        help="a parameter of the run, train_steps=100 for instance; may be repeated",
    )  # fmt: skip
    train = add(
        commands.train, "convert one dataset and train on it, without Airflow and without the emulator"
    )
    _add_data(train)
    train.add_argument(
        "--set", action="append", default=[], metavar="FLAG=VALUE",
        help="a flag of the trainer, train_steps=100 for instance; may be repeated",
    )  # fmt: skip
    predict = add(commands.predict, "ask the model that `train` left, without a server")
    _add_dataset(predict)
    predict.add_argument(
        "--instances", metavar="FILE",
        help="JSON objects, one a line, - for standard input; by default records that were not trained on",
    )  # fmt: skip
    forget = add(commands.forget, "remove what the runs of a dataset made on the running stack")
    _add_dataset(forget)
    forget.add_argument(
        "--run", dest="run_id", metavar="RUN",
        help="one run only, by its id in Airflow or its folder's name; by default everything of the dataset",
    )  # fmt: skip
    forget.add_argument("--yes", action="store_true", help="don't ask")
    forget.add_argument("--with-production", action="store_true", help="also what production serves")
    return parser.parse_args(arguments)


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dataset", default=_DEFAULT_DATASET, help="its DAG is <dataset>_training (default: %(default)s)"
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    _add_dataset(parser)
    parser.add_argument(
        "--data", help="folder or gs:// URI; by default the dataset's sample, made or fetched"
    )
