"""Errors of the services, in Google's vocabulary; `dispatch.error_response` writes them to the wire."""

# ruff: noqa: N818  (named as in google.api_core.exceptions)

from __future__ import annotations


class ApiError(Exception):
    """A request that a service refuses.

    Attributes:
        message: one sentence for the caller.
        code: the HTTP status.
        status: the canonical code's name, `NOT_FOUND` for instance.
        reason: Cloud Storage's finer word, `conditionNotMet` for instance.
    """

    def __init__(self, message: str, *, code: int, status: str, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.reason = reason


class InvalidArgument(ApiError):
    """A field or parameter has an invalid value."""

    def __init__(self, message: str, *, reason: str = "invalid") -> None:
        super().__init__(message, code=400, status="INVALID_ARGUMENT", reason=reason)


class FailedPrecondition(ApiError):
    """The resource's state doesn't allow the request."""

    def __init__(self, message: str, *, reason: str = "failedPrecondition") -> None:
        super().__init__(message, code=400, status="FAILED_PRECONDITION", reason=reason)


class Unauthenticated(ApiError):
    """The request carries no valid credentials."""

    def __init__(self, message: str, *, reason: str = "authError") -> None:
        super().__init__(message, code=401, status="UNAUTHENTICATED", reason=reason)


class PermissionDenied(ApiError):
    """The caller may not do this."""

    def __init__(self, message: str, *, reason: str = "forbidden") -> None:
        super().__init__(message, code=403, status="PERMISSION_DENIED", reason=reason)


class NotFound(ApiError):
    """There is no such resource."""

    def __init__(self, message: str, *, reason: str = "notFound") -> None:
        super().__init__(message, code=404, status="NOT_FOUND", reason=reason)


class AlreadyExists(ApiError):
    """A resource of this name is there already, or stands in the way."""

    def __init__(self, message: str, *, reason: str = "conflict") -> None:
        super().__init__(message, code=409, status="ALREADY_EXISTS", reason=reason)


class ResourceExhausted(ApiError):
    """A quota is used up."""

    def __init__(self, message: str, *, reason: str = "rateLimitExceeded") -> None:
        super().__init__(message, code=429, status="RESOURCE_EXHAUSTED", reason=reason)


class PreconditionFailed(ApiError):
    """A precondition of the request doesn't hold."""

    def __init__(self, message: str, *, reason: str = "conditionNotMet") -> None:
        super().__init__(message, code=412, status="FAILED_PRECONDITION", reason=reason)


class Unimplemented(ApiError):
    """The service has this method, the emulator doesn't."""

    def __init__(self, message: str, *, reason: str = "notImplemented") -> None:
        super().__init__(message, code=501, status="UNIMPLEMENTED", reason=reason)


class Unavailable(ApiError):
    """The service can't answer now; the same request may succeed later."""

    def __init__(self, message: str, *, reason: str = "backendError") -> None:
        super().__init__(message, code=503, status="UNAVAILABLE", reason=reason)


class Internal(ApiError):
    """A defect of the emulator; its log has the traceback."""

    def __init__(self) -> None:
        super().__init__("Internal error encountered.", code=500, status="INTERNAL", reason="backendError")


class NotModified(ApiError):
    """A read that was asked for only if the resource had changed: an answer without a body, not a failure."""

    def __init__(self) -> None:
        super().__init__("Not modified.", code=304, status="OK")
