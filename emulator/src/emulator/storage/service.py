"""Route table of Cloud Storage, with the methods that aren't emulated: each answers 501 with its name.

https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

from emulator.config import Config
from emulator.dispatch import Admit, Dispatcher
from emulator.faults import Faults
from emulator.routing import Route, Router
from emulator.state import State
from emulator.storage.access_control import AccessControlHandlers
from emulator.storage.batch import BatchHandlers
from emulator.storage.buckets import BucketHandlers, BucketStore
from emulator.storage.generations import NoncurrentVersions, ObjectIndex
from emulator.storage.media import MediaHandlers
from emulator.storage.multipart import MultipartUploads
from emulator.storage.objects import ObjectHandlers
from emulator.storage.resumable import ResumableUploads, UploadSessions
from emulator.storage.store import ObjectStore
from emulator.storage.uploads import UploadHandlers
from emulator.storage.xml_api import XmlHandlers

_BASE = "/storage/v1"
_CRUD = (
    ("list", "GET", ""), ("insert", "POST", ""), ("get", "GET", "/{id}"), ("delete", "DELETE", "/{id}"),
)  # fmt: skip
_COLLECTIONS = (
    ("anywhereCaches", "/b/{bucket}/anywhereCaches", (
        ("list", "GET", ""), ("insert", "POST", ""), ("get", "GET", "/{id}"), ("update", "PATCH", "/{id}"),
        ("pause", "POST", "/{id}/pause"), ("resume", "POST", "/{id}/resume"),
        ("disable", "POST", "/{id}/disable"),
    )),
    ("buckets", "/b/{bucket}", (
        ("update", "PUT", ""), ("lockRetentionPolicy", "POST", "/lockRetentionPolicy"),
        ("relocate", "POST", "/relocate"), ("restore", "POST", "/restore"),
    )),
    ("channels", "/channels", (("stop", "POST", "/stop"),)),
    ("folders", "/b/{bucket}/folders", (*_CRUD, ("rename", "POST", "/{id}/renameTo/folders/{target}"))),
    ("managedFolders", "/b/{bucket}/managedFolders", (
        *_CRUD[1:], ("getIamPolicy", "GET", "/{id}/iam"), ("setIamPolicy", "PUT", "/{id}/iam"),
        ("testIamPermissions", "GET", "/{id}/iam/testPermissions"),
    )),
    ("notifications", "/b/{bucket}/notificationConfigs", _CRUD[1:]),
    ("objects", "/b/{bucket}/o", (
        ("bulkRestore", "POST", "/bulkRestore"), ("restore", "POST", "/{object}/restore"),
        ("watchAll", "POST", "/watch"), ("getIamPolicy", "GET", "/{object}/iam"),
        ("setIamPolicy", "PUT", "/{object}/iam"),
        ("testIamPermissions", "GET", "/{object}/iam/testPermissions"),
    )),
    ("operations", "/b/{bucket}/operations", (
        ("list", "GET", ""), ("get", "GET", "/{id}"), ("cancel", "POST", "/{id}/cancel"),
        ("advanceRelocateBucket", "POST", "/{id}/advanceRelocateBucket"),
    )),
    ("projects.hmacKeys", "/projects/{project}/hmacKeys", (
        ("list", "GET", ""), ("create", "POST", ""), ("get", "GET", "/{id}"), ("update", "PUT", "/{id}"),
        ("delete", "DELETE", "/{id}"),
    )),
)  # fmt: skip


class StorageService:
    """Cloud Storage.

    Live objects are below `ROOT/buckets`; what belongs to them, noncurrent versions, and uploads under way
    are below `ROOT/storage`.
    """

    def __init__(self, config: Config, state: State, admit: Admit) -> None:
        self._folder = config.root / "storage"
        self._uploads = self._folder / "uploads"
        self._temporary = self._folder / "temporary"
        versions, folders, parts = (self._folder / name for name in ("versions", "folders", "parts"))
        for folder in (config.buckets, self._uploads, self._temporary, versions, folders, parts):
            folder.mkdir(parents=True, exist_ok=True)
        # A file of its own: other services hold transactions that thousands of small writes mustn't wait for.
        self._index = State(self._folder / "objects.sqlite")
        buckets = BucketStore(config.buckets, self._index)
        noncurrent = NoncurrentVersions(self._index, versions)
        self._store = store = ObjectStore(
            buckets, ObjectIndex(self._index), noncurrent, folders=folders, temporary=self._temporary
        )
        self._sessions = UploadSessions(self._uploads)
        self._multipart = MultipartUploads(store, self._index, parts)
        media = MediaHandlers(store)
        json_routes = [
            *BucketHandlers(buckets).routes,
            *ObjectHandlers(store, media).routes,
            *AccessControlHandlers(store).routes,
            *unimplemented_routes(),
        ]
        resumable = ResumableUploads(store, self._sessions)
        self._routes = [
            *json_routes,
            *media.routes,
            *UploadHandlers(store, resumable).routes,
            *BatchHandlers(Dispatcher(Router(json_routes), Faults(state), admit)).routes,
            *XmlHandlers(store, media, self._multipart, resumable).routes,
        ]

    @property
    def routes(self) -> list[Route]:
        """Routes of the JSON API, and of the XML API as far as signed URLs and multipart uploads need it."""
        return self._routes

    def start(self) -> None:
        """Remove what a killed process left half done, except for uploads under way."""
        for path in self._temporary.iterdir():
            path.unlink()
        self._sessions.remove_expired()
        self._multipart.remove_strays()
        self._store.recover()

    def stop(self) -> None:
        """Close the index."""
        self._index.close()


def unimplemented_routes() -> list[Route]:
    """Return a route for each method that isn't emulated."""
    return [
        Route("storage", f"storage.{collection}.{method}", http_method, f"{_BASE}{path}{suffix}", None)
        for collection, path, methods in _COLLECTIONS
        for method, http_method, suffix in methods
    ]
