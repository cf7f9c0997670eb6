"""Training window of a run: the partitions of raw data that it may use, and none that came later."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from contract import DatasetSpec
from contract.partitions import Duration, Interval, Partitioning
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
    names: Collection[str], spec: DatasetSpec, run: Run, params: Mapping[str, Any], *, read: datetime
) -> Window:
    """Return the window of a run.

    Data that isn't partitioned is as new as the moment when it is read, whatever date the run has. Otherwise
    a run of an interval ends with the newest partition that the interval holds, whenever it takes place; a
    manual run with the newest before the parameter `data_until`, or before it was requested. The parameter
    `window` is the period before that end.

    Args:
        names: the files of the source.
        spec: the dataset, which may be partitioned by time.
        run: the DAG run.
        params: its parameters.
        read: when the source was read.

    Raises:
        ConfigurationError: no file is a partition, none ends early enough, or a parameter is wrong.
        ContractError: the parameter `window` is too short for one partition.
        NoDataYetError: the newest partition of the run's interval is not there.
    """
    partitioning = spec.partitioning
    if partitioning is None:
        return Window(names=frozenset(names), data_from=None, data_until=read)
    if WINDOW in params:
        partitioning = replace(partitioning, window=params[WINDOW])
    found = {name: interval for name in names if (interval := partitioning.interval_of(name))}
    if not found:
        raise ConfigurationError(
            f"source: expected files named {partitioning.pattern}, received {_some(set(names))}"
        )
    there = set(found.values())
    if run.has_data_interval:
        end = _end_of_interval(there, spec, partitioning, run, params.get(DATA_UNTIL))
    else:
        end = _newest_end(there, partitioning, run, params.get(DATA_UNTIL))
    start = partitioning.window_start(end) or min(there).start
    chosen = {name: interval for name, interval in found.items() if start <= interval.start < end}
    first = min(chosen.values()).start
    return Window(
        names=frozenset(chosen),
        data_from=partitioning.midnight(first),
        data_until=partitioning.midnight(end),
        remark=_remark(
            partitioning,
            first=first,
            end=end,
            there=there,
            passed_over=set(names) - set(found),
        ),
    )


def _end_of_interval(
    there: set[Interval], spec: DatasetSpec, partitioning: Partitioning, run: Run, param: str | None
) -> date:
    if param is not None:
        raise ConfigurationError(
            f"{DATA_UNTIL}: expected nothing in a run of an interval, which says it, received {param!r}"
        )
    day = partitioning.day_of(run.data_until)
    expected = partitioning.newest_before(partitioning.last_end(day))
    if expected not in there:
        missing, newest = partitioning.label(expected.start), partitioning.label(max(there).start)
        until = partitioning.midnight(Duration.parse(spec.max_data_delay).after(day))
        raise NoDataYetError(f"no data for {missing} yet: the newest is of {newest}", until=until)
    return expected.end


def _newest_end(there: set[Interval], partitioning: Partitioning, run: Run, param: str | None) -> date:
    limit = partitioning.day_of(run.data_until) if param is None else _day(param)
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
