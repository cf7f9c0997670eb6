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
"""Longest outage of a service while a job is watched."""


def delays(longest_seconds: float) -> Iterator[float]:
    """Give the seconds between polls: few at first, so that short jobs end early, then ever more."""
    delay = min(FIRST_DELAY_SECONDS, longest_seconds)
    while True:
        yield delay
        delay = min(delay * GROWTH, longest_seconds)


def is_transient(error: BaseException) -> bool:
    """Return True if a repeated call may succeed: too many requests, a server error, a lost connection."""
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


def call_errors() -> tuple[type[Exception], ...]:
    """Return the errors of calls: refused, failed, not answered, not logged in."""
    import requests
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    return (GoogleAPIError, GoogleAuthError, requests.RequestException, ConnectionError)


def retry(
    timeout_seconds: float = OUTAGE_SECONDS, on_error: Callable[[Exception], Any] | None = None
) -> Retry:
    """Return Google's retry, with jitter, for idempotent calls."""
    from google.api_core.retry import Retry

    return Retry(
        predicate=is_transient, initial=0.2, maximum=10.0, timeout=timeout_seconds, on_error=on_error
    )


def operation_result(operation: Operation, *, poll_seconds: float, timeout_seconds: float) -> Any:
    """Wait for a long-running operation of Vertex AI and return its result.

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
    timeout_seconds: float | None = None,
) -> Resource:
    """Return the resource that `find` finds, or else `create` makes; after a transient error, try again.

    Raises:
        google.api_core.exceptions.RetryError: the errors went on for too long.
    """

    def attempt() -> Resource:
        found = find()
        return found if found is not None else create()

    made: Resource = retry(CREATE_SECONDS if timeout_seconds is None else timeout_seconds)(attempt)()
    return made
