"""Joins the handlers of Cloud Storage into its route table."""

from __future__ import annotations

from emulator.config import Config
from emulator.dispatch import Dispatcher
from emulator.faults import Faults
from emulator.routing import Route, Router
from emulator.state import State
from emulator.storage.batch import BatchHandlers
from emulator.storage.bucket_store import BucketStore
from emulator.storage.buckets import BucketHandlers
from emulator.storage.index import ObjectIndex
from emulator.storage.media import MediaHandlers
from emulator.storage.objects import ObjectHandlers
from emulator.storage.resumable import ResumableUploads
from emulator.storage.store import ObjectStore
from emulator.storage.unimplemented import unimplemented_routes
from emulator.storage.upload_sessions import UploadSessions
from emulator.storage.uploads import UploadHandlers
from emulator.storage.xml import XmlHandlers


class StorageService:
    """Cloud Storage.

    Objects are below `ROOT/buckets`; what belongs to them, and uploads under way, below `ROOT/storage`.
    """

    def __init__(self, config: Config, state: State) -> None:
        self._folder = config.root / "storage"
        self._uploads = self._folder / "uploads"
        self._temporary = self._folder / "temporary"
        for folder in (config.buckets, self._uploads, self._temporary):
            folder.mkdir(parents=True, exist_ok=True)
        # A file of its own: other services hold transactions that thousands of small writes mustn't wait for.
        self._index = State(self._folder / "objects.sqlite")
        buckets = BucketStore(config.buckets, self._index)
        store = ObjectStore(buckets, ObjectIndex(self._index), self._temporary)
        self._sessions = UploadSessions(self._uploads)
        media = MediaHandlers(store)
        json_routes = [
            *BucketHandlers(buckets).routes,
            *ObjectHandlers(store, media).routes,
            *unimplemented_routes(),
        ]
        self._routes = [
            *json_routes,
            *media.routes,
            *UploadHandlers(store, ResumableUploads(store, self._sessions)).routes,
            *BatchHandlers(Dispatcher(Router(json_routes), Faults(state))).routes,
            *XmlHandlers(store, media).routes,
        ]

    @property
    def routes(self) -> list[Route]:
        """Every method of the JSON API, and those of the XML API that signed URLs need."""
        return self._routes

    def start(self) -> None:
        """Remove what a killed process left half written, except for resumable uploads."""
        for path in self._temporary.iterdir():
            path.unlink()
        self._sessions.remove_expired()

    def stop(self) -> None:
        """Close the index."""
        self._index.close()
