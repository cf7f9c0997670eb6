"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

from retraining.errors import ConfigurationError


def read_time(text: str) -> datetime:
    """A time or a mere date; without a zone it is UTC.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"expected YYYY-MM-DD or ISO 8601, received {text!r}") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def time_text(time: datetime) -> str:
    """A time as `read_time` takes it, and as short as it can be: of a midnight in UTC, the date."""
    return time.isoformat().removesuffix("T00:00:00+00:00")
