"""What can be wrong with a request, a model or a setting: the field, what it takes and what it got."""

from __future__ import annotations

from typing import Any


class ServingError(Exception):
    """A field has a value that it can't have.

    Attributes:
        status: the HTTP status of the answer.
        field: the path of the field in the request, `instances[2].image_bytes` for instance.
        expected: what the field takes.
        received: what it got, in words.
    """

    status = 500

    def __init__(self, field: str, *, expected: str, received: str) -> None:
        """Say which field is wrong, what it takes and what it got."""
        super().__init__(f"{field}: expected {expected}, received {received}")
        self.field = field
        self.expected = expected
        self.received = received

    def to_json(self) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "error": {
                "code": self.status,
                "message": str(self),
                "field": self.field,
                "expected": self.expected,
                "received": self.received,
            }
        }


class SettingsError(ServingError):
    """A variable or flag of the server is missing or wrong."""


class ModelError(ServingError):
    """The model can't be served, or answered with something that JSON can't hold."""


class InstanceError(ServingError):
    """The request is not one that this model can answer."""

    status = 400


class NotFoundError(ServingError):
    """The server has no such path."""

    status = 404


class MethodError(ServingError):
    """The path is not asked for in this way."""

    status = 405


class TooLargeError(ServingError):
    """The request is larger than the server reads."""

    status = 413


class LoadingError(ServingError):
    """The model is not loaded yet."""

    status = 503


def describe(value: object, *, limit: int = 80) -> str:
    """A received value in a few words, for an error message."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({type(value).__name__})"
