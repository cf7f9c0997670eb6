"""Training window of a run: the partitions of raw data that it may use, and none that came later."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from contract.partitions import Interval, Partitioning
from retraining.context import Run
from retraining.errors import ConfigurationError, NoDataYetError

DATA_UNTIL = "data_until"
WINDOW = "window"
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Window:
    """Raw data of a run.

    Attributes:
        names: the files.
        data_from: when their data begins; `None` if that isn't known.
        data_until: when it ends.
        remark: gaps and files that are passed over, for people; may be empty.
    """

    names: frozenset[str]
    data_from: datetime | None
    data_until: datetime
    remark: str = ""


def resolve_window(
    names: Collection[str], partitioning: Partitioning | None, run: Run, params: Mapping[str, Any]
) -> Window:
    """Return the window of a run.

    A run of an interval ends with the newest partition that the interval holds, whenever it takes place; a
    manual run with the newest before the parameter `data_until`, or before it was requested. The parameter
    `window` is the period before that end.

    Args:
        names: the files of the source.
        partitioning: how they are divided by time, if they are.
        run: the DAG run.
        params: its parameters.

    Raises:
        ConfigurationError: no file is a partition, none ends early enough, or a parameter is wrong.
        ContractError: the parameter `window` is too short for one partition.
        NoDataYetError: the newest partition of the run's interval is not there.
    """
    if partitioning is None:
        return Window(names=frozenset(names), data_from=None, data_until=run.data_until)
    if WINDOW in params:
        partitioning = replace(partitioning, window=params[WINDOW])
    found = {name: interval for name in names if (interval := partitioning.interval_of(name))}
    if not found:
        raise ConfigurationError(
            f"source: expected files named {partitioning.pattern}, received {_some(set(names))}"
        )
    there = set(found.values())
    end = _end(there, partitioning, run, params.get(DATA_UNTIL))
    start = partitioning.window_start(end) or min(there).start
    chosen = {name: interval for name, interval in found.items() if start <= interval.start < end}
    first = min(chosen.values()).start
    return Window(
        names=frozenset(chosen),
        data_from=_midnight(first),
        data_until=_midnight(end),
        remark=_remark(
            partitioning,
            first=first,
            end=end,
            there=there,
            passed_over=set(names) - set(found),
        ),
    )


def _end(there: set[Interval], partitioning: Partitioning, run: Run, param: str | None) -> date:
    if run.has_data_interval:
        if param is not None:
            raise ConfigurationError(
                f"{DATA_UNTIL}: expected nothing in a run of an interval, which says it, received {param!r}"
            )
        expected = partitioning.newest_before(partitioning.last_end(run.data_until.date()))
        if expected not in there:
            missing = partitioning.label(expected.start)
            newest = partitioning.label(max(there).start)
            raise NoDataYetError(f"no data for {missing} yet: the newest is of {newest}")
        return expected.end
    limit = run.data_until.date() if param is None else _day(param)
    ends = [interval.end for interval in there if interval.end <= limit]
    if not ends:
        oldest = partitioning.label(min(there).start)
        raise ConfigurationError(
            f"source: expected data that ends by {limit.isoformat()}, received none before {oldest}"
        )
    return max(ends)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"{DATA_UNTIL}: expected a date, YYYY-MM-DD, received {text!r}") from error


def _remark(
    partitioning: Partitioning, *, first: date, end: date, there: set[Interval], passed_over: set[str]
) -> str:
    oldest, newest = map(partitioning.label, (first, partitioning.newest_before(end).start))
    parts = [oldest if oldest == newest else f"{oldest} to {newest}"]
    gaps = [interval for interval in partitioning.between(first, end) if interval not in there]
    if gaps:
        parts.append(f"missing: {', '.join(partitioning.label(gap.start) for gap in gaps)}")
    if passed_over:
        parts.append(f"passed over, being no {partitioning.unit}'s data: {_some(passed_over)}")
    return "; ".join(parts)


def _some(names: set[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(sorted(names)[:_NAMED]) + (f" and {more} more" if more > 0 else "") or "none"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(tzinfo=UTC))
