"""Wire format of the JSON API: parameters and bodies of requests, and object resources.

https://cloud.google.com/storage/docs/json_api/v1/objects#resource
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from emulator.errors import Unimplemented
from emulator.json_bodies import read_json
from emulator.storage.checksums import Digests
from emulator.storage.metadata import StoredObject, timestamp
from emulator.storage.preconditions import Preconditions

MAX_RESOURCE_BYTES = 1 << 20
STORAGE_CLASS = "STANDARD"


def base_url(request: Request) -> str:
    """Return the base URL of a request: a URL in the answer must be reachable the same way."""
    return str(request.base_url).rstrip("/")


def conditions(request: Request) -> Preconditions:
    """Return the conditions on the object that the request is about.

    Raises:
        InvalidArgument: a number was expected.
    """
    return Preconditions.from_request(request.query_params, request.headers)


async def read_resource(request: Request) -> dict[str, Any]:
    """Read the JSON object in the request's body; empty without a body.

    Raises:
        InvalidArgument: the body is something else.
    """
    return await read_json(request, limit=MAX_RESOURCE_BYTES)


def announced_digests(headers: Mapping[str, str]) -> Digests:
    """Return the checksums that a request's headers announce for its content.

    `X-Goog-Hash: crc32c=...,md5=...` and `Content-MD5`: https://cloud.google.com/storage/docs/xml-api/reference-headers
    """
    hashes = dict(
        part.strip().split("=", 1) for part in headers.get("x-goog-hash", "").split(",") if "=" in part
    )
    return Digests(crc32c=hashes.get("crc32c"), md5=hashes.get("md5") or headers.get("content-md5"))


def refuse_encryption(request: Request) -> None:
    """Refuse encryption keys: content is never encrypted.

    Raises:
        Unimplemented: the request names a key.
    """
    if "kmsKeyName" in request.query_params or "x-goog-encryption-algorithm" in request.headers:
        raise Unimplemented("Encryption keys are not emulated.")


def object_resource(found: StoredObject, base_url: str) -> dict[str, Any]:
    """Return an object as the JSON API shows it.

    Args:
        found: the object.
        base_url: the caller's URL of the emulator, `http://localhost:9023`.
    """
    path = f"/storage/v1/b/{quote(found.bucket)}/o/{quote(found.name, safe='')}"
    optional = {
        "md5Hash": found.md5,
        "componentCount": found.component_count,
        "timeDeleted": None if found.deleted is None else timestamp(found.deleted),
    }
    return {
        "kind": "storage#object",
        "id": f"{found.bucket}/{found.name}/{found.generation}",
        "selfLink": f"{base_url}{path}",
        "mediaLink": f"{base_url}/download{path}?generation={found.generation}&alt=media",
        "name": found.name,
        "bucket": found.bucket,
        "generation": str(found.generation),
        "metageneration": str(found.metageneration),
        "storageClass": STORAGE_CLASS,
        "size": str(found.size),
        "crc32c": found.crc32c,
        "etag": found.etag,
        "timeCreated": timestamp(found.created),
        "timeFinalized": timestamp(found.created),
        "updated": timestamp(found.updated),
        "timeStorageClassUpdated": timestamp(found.created),
        **{name: value for name, value in optional.items() if value is not None},
        **found.metadata.to_json(),
    }
