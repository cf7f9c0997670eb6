"""Cloud Storage's time: microseconds since 1970."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def timestamp(microseconds: int) -> str:
    """RFC 3339, to the microsecond: `2026-01-31T23:59:59.000000Z`."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
