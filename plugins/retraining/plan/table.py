"""A plan at a terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from retraining.plan.runs import Plan, PlannedRun, duration, price

COLUMNS = ("interval", "run", "data", "files", "snapshot", "conversion", "time", "cost")
NUMBERS = ("files", "time", "cost")
"""The columns that are read from the right."""

_WORDS = {"done": "already converted", "shared": "shared with another run", "job": "Dataflow job"}
_STYLES = {"create": "", "repeat": "yellow", "leave": "dim", "skip": "dim"}


def show(plan: Plan, console: Console) -> None:
    """Print a plan: a table of its runs, then what they come to."""
    console.print(render(plan))


def render(plan: Plan) -> RenderableType:
    """A plan for rich: what is too long for the terminal is wrapped."""
    parts: list[RenderableType] = []
    if plan.runs:
        parts.append(_table(plan))
    parts.append(Text(plan.summary(), style="bold"))
    parts.extend(Text(line) for line in plan.remarks())
    return Group(*parts)


def _table(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in NUMBERS else "left")
    for run in plan.runs:
        table.add_row(*cells(run), style=_STYLES[run.action])
    return table


def cells(run: PlannedRun) -> list[str]:
    """What a plan says of a run, in the order of the columns; the last ones are missing of one not made."""
    said = [f"{run.start:%Y-%m-%d} to {run.end:%Y-%m-%d}"]
    if not run.made:
        return [*said, run.reason, run.remark, str(len(run.files) or ""), run.snapshot or ""]
    return [
        *said,
        f"repeated ({run.state})" if run.action == "repeat" else "new",
        run.remark or "all",
        str(len(run.files)),
        run.snapshot or "",
        _WORDS[run.conversion or "job"],
        "unknown" if run.seconds is None else duration(run.seconds),
        "unknown" if run.dollars is None else price(run.dollars),
    ]
