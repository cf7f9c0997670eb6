"""Errors of the store, with the messages of Cloud Storage."""

from __future__ import annotations

from emulator.errors import AlreadyExists, ApiError, InvalidArgument, NotFound


class NoSuchBucket(NotFound):
    """The bucket doesn't exist."""

    def __init__(self) -> None:
        super().__init__("The specified bucket does not exist.")


class NoSuchObject(NotFound):
    """The object doesn't exist, or not in this generation."""

    def __init__(self, bucket: str, name: str) -> None:
        super().__init__(f"No such object: {bucket}/{name}")


class NoSuchUpload(NotFound):
    """The upload was finished long ago, was cancelled, or never existed."""

    def __init__(self, upload_id: str) -> None:
        super().__init__(f"No such upload: {upload_id}")


class InvalidPart(InvalidArgument):
    """A multipart upload was to be completed with a part that it doesn't have."""

    def __init__(self) -> None:
        super().__init__(
            "One or more of the specified parts could not be found. The part may not have been uploaded, or"
            " the specified entity tag may not have matched the part's entity tag."
        )


class InvalidPartOrder(InvalidArgument):
    """The parts of a multipart upload were named in another order than that of their numbers."""

    def __init__(self) -> None:
        super().__init__(
            "The list of parts was not in ascending order. Parts must be ordered by part number."
        )


class EntityTooSmall(InvalidArgument):
    """A part of a multipart upload that isn't its last has fewer than 5 MiB."""

    def __init__(self) -> None:
        super().__init__("Your proposed upload is smaller than the minimum allowed object size.")


class BucketExists(AlreadyExists):
    """The bucket exists already."""

    def __init__(self) -> None:
        super().__init__("Your previous request to create the named bucket succeeded and you already own it.")


class BucketNotEmpty(AlreadyExists):
    """The bucket still holds objects."""

    def __init__(self) -> None:
        super().__init__("The bucket you tried to delete is not empty.")


class PathConflict(AlreadyExists):
    """An object's path is taken: objects are files, so that `x` and `x/y` can't both exist."""

    def __init__(self, bucket: str, name: str, *, other: str) -> None:
        super().__init__(
            f"The emulator keeps objects as files: {bucket}/{name} can't be made"
            f" while {bucket}/{other} is there."
        )


class ChecksumMismatch(InvalidArgument):
    """The content that arrived isn't the content that was announced."""

    def __init__(self, algorithm: str, *, provided: str, calculated: str) -> None:
        super().__init__(
            f'Provided {algorithm} "{provided}" doesn\'t match calculated {algorithm} "{calculated}".'
        )


class UnsatisfiableRangeError(ApiError):
    """The range begins behind the content's end."""

    def __init__(self, text: str, *, size: int) -> None:
        super().__init__(
            f"Range: expected one within {size} bytes, received {text!r}",
            code=416,
            status="OUT_OF_RANGE",
            reason="requestedRangeNotSatisfiable",
        )
