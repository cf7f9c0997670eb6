"""The folders of the stack's bucket."""

from __future__ import annotations

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from local.environment import BUCKET, PROJECT


class Bucket:
    """The bucket of one stack, through Google's client."""

    def __init__(self, url: str) -> None:
        client = storage.Client(
            project=PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": url}
        )
        self._bucket = client.bucket(BUCKET)

    def count(self, folder: str) -> int:
        """How many objects there are below a folder, which ends with a slash."""
        return sum(1 for _ in self._bucket.list_blobs(prefix=folder))

    def folders(self, parent: str) -> list[str]:
        """The names of the folders directly below a folder, which ends with a slash."""
        listed = self._bucket.list_blobs(prefix=parent, delimiter="/")
        list(listed)  # the prefixes are known once all pages are
        return sorted(prefix.removeprefix(parent).rstrip("/") for prefix in listed.prefixes)

    def remove(self, folder: str) -> None:
        """Remove every object below a folder, which ends with a slash."""
        self._bucket.delete_blobs(list(self._bucket.list_blobs(prefix=folder)))
