"""A plan at a terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from retraining.plan.runs import Plan, PlannedRun, duration, in_words, price

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
    for estimate in plan.estimates if plan.made else ():
        grounds = f"from {estimate.measured} earlier run{'' if estimate.measured == 1 else 's'}"
        why = f"; {estimate.unknown}" if estimate.unknown else ""
        parts.append(Text(f"{in_words(estimate)}: {grounds}, {plan.parallel} at a time{why}"))
    if any(estimate.dollars is not None for estimate in plan.estimates):
        parts.append(Text("Costs are of the training's machines, without Dataflow and storage.", style="dim"))
    return Group(*parts)


def _table(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("interval", "run", "data", "files", "snapshot", "conversion", "time", "cost"):
        table.add_column(column, justify="right" if column in ("files", "time", "cost") else "left")
    for run in plan.runs:
        table.add_row(*_cells(run), style=_STYLES[run.action])
    return table


def _cells(run: PlannedRun) -> list[str]:
    cells = [f"{run.start:%Y-%m-%d} to {run.end:%Y-%m-%d}"]
    if not run.made:
        return [*cells, run.reason, run.remark, str(len(run.files) or ""), run.snapshot or ""]
    return [
        *cells,
        f"repeated ({run.state})" if run.action == "repeat" else "new",
        run.remark or "all",
        str(len(run.files)),
        run.snapshot or "",
        _WORDS[run.conversion or "job"],
        "unknown" if run.seconds is None else duration(run.seconds),
        "unknown" if run.dollars is None else price(run.dollars),
    ]
