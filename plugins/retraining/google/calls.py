"""Calls of Google's services: repeated after transient errors, waited for, and made once.

Vertex AI takes no request ids. So every attempt to make a resource first looks for what an earlier one may
have made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from google.api_core.operation import Operation
    from google.api_core.retry import Retry

Resource = TypeVar("Resource")

FIRST_DELAY_SECONDS = 0.2
GROWTH = 1.4
CALL_TIMEOUT_SECONDS = 60.0
CREATE_SECONDS = 120.0
OUTAGE_SECONDS = 600.0
"""How long a service may be away while a job is watched."""


def delays(longest_seconds: float) -> Iterator[float]:
    """Seconds between looks: short at first, so that short jobs cost little, then ever longer."""
    delay = min(FIRST_DELAY_SECONDS, longest_seconds)
    while True:
        yield delay
        delay = min(delay * GROWTH, longest_seconds)


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later: too many requests, a server's fault, or a lost connection."""
    import requests
    from google.api_core import exceptions
    from google.auth.exceptions import TransportError

    return isinstance(
        error,
        exceptions.TooManyRequests
        | exceptions.InternalServerError
        | exceptions.BadGateway
        | exceptions.ServiceUnavailable
        | exceptions.GatewayTimeout
        | requests.ConnectionError
        | requests.Timeout
        | requests.exceptions.ChunkedEncodingError
        | TransportError
        | ConnectionError,
    )


def retry(
    timeout_seconds: float = OUTAGE_SECONDS, on_error: Callable[[Exception], Any] | None = None
) -> Retry:
    """Google's retry, with jitter, for calls that may be repeated."""
    from google.api_core.retry import Retry

    return Retry(
        predicate=is_transient, initial=0.2, maximum=10.0, timeout=timeout_seconds, on_error=on_error
    )


def operation_result(operation: Operation, *, poll_seconds: float, timeout_seconds: float) -> Any:
    """What a long-running operation of Vertex AI comes to, waited for.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: the operation failed.
        concurrent.futures.TimeoutError: it took longer than `timeout_seconds`.
    """
    from google.api_core.future.polling import DEFAULT_POLLING

    polling = DEFAULT_POLLING.with_delay(initial=FIRST_DELAY_SECONDS, maximum=poll_seconds)
    return operation.result(polling=polling.with_timeout(timeout_seconds), retry=retry(CALL_TIMEOUT_SECONDS))


def get_or_create(
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
