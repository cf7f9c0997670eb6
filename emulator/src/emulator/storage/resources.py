"""Buckets and objects as the JSON API shows them.

https://cloud.google.com/storage/docs/json_api/v1/objects#resource and .../buckets#resource
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from emulator.storage.bucket_store import Bucket
from emulator.storage.clock import timestamp
from emulator.storage.metadata import StoredObject

LOCATION = "US-CENTRAL1"
STORAGE_CLASS = "STANDARD"


def bucket_resource(bucket: Bucket, base_url: str) -> dict[str, Any]:
    """A bucket.

    Args:
        bucket: the bucket.
        base_url: where the caller reached the emulator, `http://localhost:9023`.
    """
    settings = dict(bucket.settings)
    return {
        "kind": "storage#bucket",
        "id": bucket.name,
        "selfLink": f"{base_url}/storage/v1/b/{quote(bucket.name)}",
        "name": bucket.name,
        "projectNumber": "1",
        "metageneration": str(bucket.metageneration),
        "etag": str(bucket.metageneration),
        "timeCreated": timestamp(bucket.created),
        "updated": timestamp(bucket.updated),
        "locationType": "region",
        "storageClass": STORAGE_CLASS,
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
        **settings,
        "location": str(settings.get("location", LOCATION)).upper(),
    }


def object_resource(found: StoredObject, base_url: str) -> dict[str, Any]:
    """An object.

    Args:
        found: the object.
        base_url: where the caller reached the emulator, `http://localhost:9023`.
    """
    path = f"/storage/v1/b/{quote(found.bucket)}/o/{quote(found.name, safe='')}"
    optional = {"md5Hash": found.md5, "componentCount": found.component_count}
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
