"""Metadata of objects; times are microseconds since 1970.

https://cloud.google.com/storage/docs/json_api/v1/objects#resource
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from emulator.errors import InvalidArgument, Unimplemented

DEFAULT_CONTENT_TYPE = "application/octet-stream"
MAX_CUSTOM_BYTES = 8 << 10
"""https://cloud.google.com/storage/quotas#objects"""

_FIELDS = {
    "contentType": "content_type",
    "contentEncoding": "content_encoding",
    "contentDisposition": "content_disposition",
    "contentLanguage": "content_language",
    "cacheControl": "cache_control",
    "customTime": "custom_time",
    "storageClass": "storage_class",
}
_NOT_EMULATED = ("temporaryHold", "eventBasedHold", "retention", "contexts", "kmsKeyName")


@dataclass(frozen=True, kw_only=True)
class ObjectMetadata:
    """Metadata that clients may write; every field as in the JSON API.

    Raises:
        InvalidArgument: a field is of the wrong type.
    """

    content_type: str | None = None
    content_encoding: str | None = None
    content_disposition: str | None = None
    content_language: str | None = None
    cache_control: str | None = None
    custom_time: str | None = None
    storage_class: str | None = None
    custom: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for wire_name, name in _FIELDS.items():
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise InvalidArgument(f"{wire_name}: expected text, received {value!r}")
        for key, value in self.custom.items():
            if not isinstance(value, str):
                raise InvalidArgument(f"metadata.{key}: expected text, received {value!r}")

    @classmethod
    def from_json(cls, resource: Mapping[str, Any]) -> ObjectMetadata:
        """Parse the writable fields of an object resource; those that the service sets itself are ignored.

        Raises:
            InvalidArgument: a field is of the wrong type.
            Unimplemented: a field asks for something that isn't emulated, a hold for instance.
        """
        return cls().patched(resource)

    def patched(self, resource: Mapping[str, Any]) -> ObjectMetadata:
        """Return the metadata with fields changed; `null` removes a field or an entry of `metadata`.

        Raises:
            InvalidArgument: a field is of the wrong type.
            Unimplemented: a field asks for something that isn't emulated, a hold for instance.
        """
        for name in _NOT_EMULATED:
            if resource.get(name):
                raise Unimplemented(f"{name} of objects is not emulated.")
        changes: dict[str, Any] = {
            name: resource[wire] or None for wire, name in _FIELDS.items() if wire in resource
        }
        if "metadata" in resource:
            given = resource["metadata"]
            if not isinstance(given, Mapping | None):
                raise InvalidArgument(f"metadata: expected an object, received {given!r}")
            merged = {**self.custom, **given} if given else {}
            changes["custom"] = {key: value for key, value in merged.items() if value is not None}
            _check_custom(changes["custom"])
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """Return the fields that are set."""
        document = {wire: getattr(self, name) for wire, name in _FIELDS.items() if getattr(self, name)}
        return {**document, "metadata": dict(self.custom)} if self.custom else document


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """Generation of an object.

    Attributes:
        bucket: its bucket's name.
        name: its name in the bucket.
        generation: changes with the content; microseconds since 1970, as in the service.
        metageneration: counts the versions of the metadata, from 1.
        size: bytes.
        crc32c: base64, big-endian.
        md5: base64; `None` for a composed object.
        created: when this generation was made, microseconds since 1970.
        updated: when its metadata changed last, microseconds since 1970.
        component_count: of how many parts it was composed; `None` if it wasn't.
        deleted: when it became noncurrent, microseconds since 1970; `None` for a live object.
        file: the name of the file with the content of an object that stands for a folder; empty for one
            without content, and for other objects.
        metadata: the part that clients wrote.
    """

    bucket: str
    name: str
    generation: int
    metageneration: int = 1
    size: int
    crc32c: str
    md5: str | None
    created: int
    updated: int
    component_count: int | None = None
    deleted: int | None = None
    file: str = ""
    metadata: ObjectMetadata

    @property
    def etag(self) -> str:
        """Etag, which changes with the content and with the metadata."""
        return etag_of(self.generation, self.metageneration)


def _check_custom(custom: Mapping[str, Any]) -> None:
    for key in custom:
        if not key.strip() or any(ord(mark) < 32 or ord(mark) == 127 for mark in key):
            raise InvalidArgument(f"metadata: expected keys without control characters, received {key!r}")
    size = sum(len(f"{key}{value}".encode(errors="replace")) for key, value in custom.items())
    if size > MAX_CUSTOM_BYTES:
        raise InvalidArgument(f"metadata: expected at most {MAX_CUSTOM_BYTES} bytes, received {size}")


def etag_of(*numbers: int) -> str:
    """Return an etag of these numbers, in base64: clients keep it in a field of bytes."""
    return base64.b64encode("-".join(map(str, numbers)).encode()).decode()


def now_microseconds() -> int:
    """Return the time in microseconds since 1970."""
    return time.time_ns() // 1000


def timestamp(microseconds: int) -> str:
    """Return a time as RFC 3339, to the microsecond: `2026-01-31T23:59:59.000000Z`."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
