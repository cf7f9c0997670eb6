"""Raw files partitioned by day, month or year, and the training windows over them."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contract.validation import ContractError

Unit = Literal["year", "month", "day"]

_DIRECTIVES: dict[str, Unit] = {"%Y": "year", "%m": "month", "%d": "day"}
_LABELS: dict[Unit, str] = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}
_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?", re.ASCII)
# A year with 366 days and a month with 31 end here: a window that holds them holds every other.
_AFTER_THE_LONGEST = date(2001, 1, 1)


class Interval(NamedTuple):
    """The days of a partition, half-open.

    Attributes:
        start: the first.
        end: the first that it does not hold.
    """

    start: date
    end: date


class Duration(NamedTuple):
    """A length of time in whole months and days."""

    months: int
    days: int

    @classmethod
    def parse(cls, text: str, field: str = "window") -> Duration:
        """Return the duration of an ISO 8601 text: `P12M`, `P1Y` or `P30D`.

        Args:
            text: the duration.
            field: the field that has it, for the error.

        Raises:
            ContractError: it is none of whole years, months and days, or nothing long.
        """
        found = _DURATION.fullmatch(text) if isinstance(text, str) else None
        years, months, days = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
        if not years + months + days:
            raise ContractError(
                field, expected="a duration of years, months or days, P12M for instance", received=text
            )
        return cls(12 * years + months, days)

    def before(self, day: date) -> date:
        """Return the day that is this much earlier.

        Months are those of the calendar: one month before 31 March is the last day of February.

        Raises:
            ContractError: that would be before the year 1.
        """
        month = 12 * day.year + day.month - 1 - self.months
        try:
            first = date(month // 12, month % 12 + 1, 1)
            last_day = calendar.monthrange(first.year, first.month)[1]
            return first.replace(day=min(day.day, last_day)) - timedelta(days=self.days)
        except (ValueError, OverflowError) as error:
            raise ContractError("window", expected="a start after the year 1", received=self) from error

    def after(self, day: date) -> date:
        """Return the day that is this much later; one month after 31 January is the last day of February.

        Raises:
            OverflowError: that would be after the year 9999.
        """
        month = 12 * day.year + day.month - 1 + self.months
        if month // 12 > date.max.year:
            raise OverflowError("after the year 9999")
        first = date(month // 12, month % 12 + 1, 1)
        last_day = calendar.monthrange(first.year, first.month)[1]
        return first.replace(day=min(day.day, last_day)) + timedelta(days=self.days)


def check_timezone(name: str) -> None:
    """Refuse a name that is no time zone.

    Raises:
        ContractError: the IANA database, as installed here, has none of this name.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError) as error:
        expected = "a time zone of the IANA database, Europe/Berlin for instance"
        raise ContractError("timezone", expected=expected, received=name) from error


@dataclass(frozen=True, kw_only=True)
class Partitioning:
    """The partitioning of a dataset's raw files by time.

    Attributes:
        pattern: the names of the files, with the directives `%Y`, `%m` and `%d` of `strptime`; the finest
            is the unit of a partition. Without a slash it is compared with the last part of a name.
        window: training window before the end of a run's data, an ISO 8601 duration; None for all data.
        timezone: the time zone of the days, a name of the IANA database.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    pattern: str
    window: str | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        check_timezone(self.timezone)
        expected = "a name with %Y, %Y and %m, or %Y, %m and %d"
        used = re.findall(r"%.?", self.pattern.replace("%%", ""))
        if sorted(used) not in (["%Y"], ["%Y", "%m"], ["%Y", "%d", "%m"]):
            raise ContractError("partition", expected=expected, received=self.pattern)
        start = self.window_start(_AFTER_THE_LONGEST)
        if start is not None and start > self._previous(_AFTER_THE_LONGEST):
            raise ContractError("window", expected=f"at least one {self.unit}", received=self.window)

    @cached_property
    def unit(self) -> Unit:
        """Unit of one partition."""
        return next(unit for mark, unit in reversed(_DIRECTIVES.items()) if mark in self.pattern)

    def interval_of(self, name: str) -> Interval | None:
        """Return the days of a file; None for a file that is no partition.

        Args:
            name: its path in the source.
        """
        return _interval_of(name if "/" in self.pattern else name.rsplit("/", 1)[-1], self.pattern, self.unit)

    def day_of(self, time: datetime) -> date:
        """Return the day of a time with a time zone."""
        return time.astimezone(ZoneInfo(self.timezone)).date()

    def midnight(self, day: date) -> datetime:
        """Return the time at which a day begins."""
        return datetime.combine(day, time(), ZoneInfo(self.timezone))

    def last_end(self, day: date) -> date:
        """Return the end of the newest partition that is over when a day begins."""
        if self.unit == "year":
            return date(day.year, 1, 1)
        return day.replace(day=1) if self.unit == "month" else day

    def window_start(self, end: date) -> date | None:
        """Return the first day of the window that ends before a day; None without a window."""
        return None if self.window is None else Duration.parse(self.window).before(end)

    def label(self, start: date) -> str:
        """Return the label of the partition that begins with a day: `2018-01`, for instance."""
        return start.strftime(_LABELS[self.unit])

    def between(self, start: date, end: date) -> Iterator[Interval]:
        """Yield every partition between two ends of partitions, oldest first, with or without such a file."""
        while start < end:
            following = _end_of(start, self.unit)
            yield Interval(start, following)
            start = following

    def newest_before(self, end: date) -> Interval:
        """Return the partition that ends where another begins."""
        return Interval(self._previous(end), end)

    def _previous(self, end: date) -> date:
        return {
            "year": Duration(12, 0),
            "month": Duration(1, 0),
            "day": Duration(0, 1),
        }[self.unit].before(end)


@lru_cache(maxsize=1 << 16)  # a plan asks for each name once for each run
def _interval_of(name: str, pattern: str, unit: Unit) -> Interval | None:
    try:
        start = datetime.strptime(name, pattern).date()  # noqa: DTZ007, a day has no zone
    except ValueError:
        return None
    # strptime also takes 2018-1 for 2018-01: a month has one name.
    return Interval(start, _end_of(start, unit)) if start.strftime(pattern) == name else None


def _end_of(start: date, unit: Unit) -> date:
    """Return the first day after the partition that begins with a day."""
    if unit == "day":
        return start + timedelta(days=1)
    month = 12 * start.year + start.month - 1 + (12 if unit == "year" else 1)
    return date(month // 12, month % 12 + 1, 1)
