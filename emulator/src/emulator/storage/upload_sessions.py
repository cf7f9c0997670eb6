"""Resumable uploads under way, kept on the disk so that they outlive the process.

Of an upload, `<id>.json` says what it is to become and `<id>.part` holds what has arrived. Finishing it
renames the part into its bucket: a session without a part is finished.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emulator.storage.checksums import Digests
from emulator.storage.errors import NoSuchUpload
from emulator.storage.metadata import ObjectMetadata
from emulator.storage.preconditions import Preconditions

LIFETIME_SECONDS = 7 * 24 * 3600
"""https://cloud.google.com/storage/docs/resumable-uploads#session-uris"""

_ID = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class UploadSession:
    """What an upload is to become.

    Attributes:
        bucket: the bucket's name.
        name: the object's name.
        metadata: what the client says of it.
        announced: the checksums that the content must have.
        conditions: what must hold of the object that is replaced.
        size: bytes of the whole; `None` where it isn't known yet.
    """

    bucket: str
    name: str
    metadata: ObjectMetadata
    announced: Digests
    conditions: Preconditions
    size: int | None


class UploadSessions:
    """The sessions in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, session: UploadSession) -> str:
        """Begin an upload; returns its id."""
        upload_id = uuid.uuid4().hex
        self.part(upload_id).touch()
        document = self._document(upload_id)
        temporary = document.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(session)))
        temporary.replace(document)
        return upload_id

    def get(self, upload_id: str) -> UploadSession:
        """An upload that was begun.

        Raises:
            NoSuchUpload: there is none.
        """
        try:
            document = json.loads(self._document(upload_id).read_text())
        except FileNotFoundError:
            raise NoSuchUpload(upload_id) from None
        return _from_json(document)

    def part(self, upload_id: str) -> Path:
        """The file that holds what has arrived; it is gone once the upload is finished.

        Raises:
            NoSuchUpload: no upload may have this id.
        """
        if not _ID.fullmatch(upload_id):
            raise NoSuchUpload(upload_id)
        return self._folder / f"{upload_id}.part"

    def remove(self, upload_id: str) -> None:
        """Forget an upload and what has arrived of it."""
        self._document(upload_id).unlink(missing_ok=True)
        self.part(upload_id).unlink(missing_ok=True)

    def remove_expired(self) -> None:
        """Forget uploads that were begun too long ago."""
        oldest = time.time() - LIFETIME_SECONDS
        for path in self._folder.iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink()

    def _document(self, upload_id: str) -> Path:
        return self.part(upload_id).with_suffix(".json")


def _from_json(document: dict[str, Any]) -> UploadSession:
    return UploadSession(
        **{
            **document,
            "metadata": ObjectMetadata(**document["metadata"]),
            "announced": Digests(**document["announced"]),
            "conditions": Preconditions(**document["conditions"]),
        }
    )
