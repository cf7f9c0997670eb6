"""Errors of a request, a model or a setting: the field, the expected and the received value."""

from __future__ import annotations

from typing import Any


class ServingError(Exception):
    """Invalid value of a field.

    Attributes:
        status: the HTTP status of the response.
        reason: Google's name of the status. https://cloud.google.com/apis/design/errors#handling_errors
        field: the path of the field in the request, `instances[2].image_bytes` for instance.
        expected: description of valid values.
        received: description of the received value.
    """

    status = 500
    reason = "INTERNAL"

    def __init__(self, field: str, *, expected: str, received: str) -> None:
        """Build the message from the three parts."""
        super().__init__(f"{field}: expected {expected}, received {received}")
        self.field = field
        self.expected = expected
        self.received = received

    def to_json(self) -> dict[str, Any]:
        """Return the body of the response."""
        return {
            "error": {
                "code": self.status,
                "message": str(self),
                "status": self.reason,
                "field": self.field,
                "expected": self.expected,
                "received": self.received,
            }
        }


class SettingsError(ServingError):
    """Missing or invalid environment variable or flag of the server."""


class ModelError(ServingError):
    """Model that can't be served, or outputs that JSON can't represent."""


class InstanceError(ServingError):
    """Request that doesn't match the model's signature."""

    status = 400
    reason = "INVALID_ARGUMENT"


class NotFoundError(ServingError):
    """Unknown path."""

    status = 404
    reason = "NOT_FOUND"


class MethodError(ServingError):
    """HTTP method that the path doesn't support."""

    status = 405
    reason = "INVALID_ARGUMENT"


class TooLargeError(ServingError):
    """Request body above the size limit."""

    status = 413
    reason = "INVALID_ARGUMENT"


class NotFiniteError(ServingError):
    """Rows for which the model answers NaN or infinity, which JSON can't represent."""

    status = 400
    reason = "INVALID_ARGUMENT"


class ExhaustedError(ServingError):
    """Request that a full queue has no room for."""

    status = 429
    reason = "RESOURCE_EXHAUSTED"


class LoadingError(ServingError):
    """Model that is still loading."""

    status = 503
    reason = "UNAVAILABLE"


def describe(value: object, *, limit: int = 80) -> str:
    """Describe a received value in a few words for an error message."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({type(value).__name__})"
