"""Makes a cloud resource once, though a request or its answer may be lost.

Vertex AI takes no request ids. So every attempt first looks for what an earlier one may have made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from retraining.polling import retry

Resource = TypeVar("Resource")
CREATE_SECONDS = 120.0


def find_or_create(
    find: Callable[[], Resource | None],
    create: Callable[[], Resource],
    *,
    timeout_seconds: float = CREATE_SECONDS,
) -> Resource:
    """What `find` finds, or else what `create` makes; transient errors of either lead to another look.

    Raises:
        google.api_core.exceptions.RetryError: the errors went on for too long.
    """

    def attempt() -> Resource:
        found = find()
        return found if found is not None else create()

    made: Resource = retry(timeout_seconds)(attempt)()
    return made
