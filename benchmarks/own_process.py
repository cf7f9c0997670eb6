"""Measurements of sides of a comparison, each in a process of its own, and work of a known duration."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Throughput and memory of one side.

    Attributes:
        per_second: items that it converted in a second.
        peak_mb: the most memory that its process had, MiB.
    """

    per_second: float
    peak_mb: float


def report(run: Callable[[], None], *, items: int) -> None:
    """Time this process's side and print its figures as a line of JSON, for `measure`.

    Args:
        run: converts all items; what is imported or prepared before it does not count.
        items: their number.
    """
    logging.disable()
    begin = time.perf_counter()
    run()
    print_figures(per_second=items / (time.perf_counter() - begin))


def print_figures(*, per_second: float) -> None:
    """Print the figures of this process's side as a line of JSON, for `measure`."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    megabytes = peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    print(json.dumps(asdict(Figures(per_second=per_second, peak_mb=megabytes))))


def measure(script: str, flags: Sequence[str], *, gpus: bool = False) -> Figures:
    """Return the figures that a script reports when it is called with these flags.

    Args:
        script: prints them as its last line.
        flags: of the script.
        gpus: whether it may use them; else it finds none.
    """
    environment = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **os.environ,
        **({} if gpus else {"CUDA_VISIBLE_DEVICES": "-1"}),
    }
    done = subprocess.run(
        [sys.executable, script, *flags], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def faster(one: Figures | None, other: Figures) -> Figures:
    """Return the better of two rounds."""
    return other if one is None or other.per_second > one.per_second else one


def work(iterations: int) -> None:
    """Keep one core busy for a time that rises evenly with the iterations."""
    hashlib.pbkdf2_hmac("sha256", b"known", b"work", iterations)
