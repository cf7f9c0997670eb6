"""What each command prints and returns."""

from __future__ import annotations

import argparse
from typing import Protocol

from rich.table import Table

from local import health
from local.by_hand import predict as by_hand_predict
from local.by_hand import train as by_hand_train
from local.console import console
from local.demo import command
from local.forget import command as forget_command
from local.home import Home
from local.parameters import as_json, parse_settings
from local.stack import Stack


class Command(Protocol):
    """Does what a subcommand asks; returns the exit status."""

    __name__: str

    def __call__(self, home: Home, options: argparse.Namespace) -> int:
        """Do it."""
        ...


def up(home: Home, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Start the stack."""
    stack = Stack(home)
    if stack.up():
        console.print("It is up already.")
    for name, address in stack.addresses().items():
        console.print(f"  {name:<12} {address}", markup=False, soft_wrap=True)
    return 0


def down(home: Home, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Stop the stack."""
    stopped = Stack(home).down()
    console.print("Stopped:" if stopped else "Nothing was running.")
    for name in stopped:
        console.print(f"  {name}", markup=False, soft_wrap=True)
    return 0


def status(home: Home, options: argparse.Namespace) -> int:  # noqa: ARG001
    """Show the stack; 0 if all is well, 3 if it is down, 1 if a part is not healthy."""
    stack = Stack(home)
    statuses = stack.statuses()
    if not statuses:
        console.print(f"Down. Nothing runs in {home.root}.", soft_wrap=True)
        return 3
    unhealthy = health.unhealthy_parts(stack.ports)
    table = Table("program", "state", "pid", "seconds", box=None, pad_edge=False)
    for program in statuses:
        table.add_row(program.name, program.state.lower(), str(program.pid or ""), str(program.seconds or ""))
    console.print(table)
    for part, words in unhealthy.items():
        console.print(f"{part}: {words}", markup=False)
    for name, address in stack.addresses().items():
        console.print(f"  {name:<12} {address}", markup=False, soft_wrap=True)
    return 1 if unhealthy else 0


def demo(home: Home, options: argparse.Namespace) -> int:
    """Run the demo; 0 if it ended well and, where it promoted, production answered with the new version."""
    parameters = as_json(parse_settings(options.set))
    report = command.run(home, dataset=options.dataset, data=options.data, parameters=parameters)
    report.show(home)
    return 0 if report.good else 1


def train(home: Home, options: argparse.Namespace) -> int:
    """Train by hand."""
    by_hand_train.train(
        home, dataset=options.dataset, data=options.data, settings=parse_settings(options.set)
    )
    return 0


def predict(home: Home, options: argparse.Namespace) -> int:
    """Ask the model that was trained by hand."""
    by_hand_predict.predict(home, dataset=options.dataset, instances=options.instances)
    return 0


def forget(home: Home, options: argparse.Namespace) -> int:
    """Remove what runs made; 1 if the person said no."""
    removed = forget_command.forget(
        Stack(home).ports.emulator_url,
        dataset=options.dataset,
        run=options.run_id,
        yes=options.yes,
        with_production=options.with_production,
    )
    return 0 if removed else 1
