"""Buckets as plain folders: any folder with a bucket's name is a bucket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from emulator.errors import Unimplemented
from emulator.state import State
from emulator.storage import clock
from emulator.storage.errors import BucketExists, BucketNotEmpty, NoSuchBucket
from emulator.storage.names import check_bucket_name, is_bucket_name
from emulator.storage.tree import remove_empty, walk

_KIND = "bucket"
_WRITABLE = (
    "cors", "iamConfiguration", "labels", "lifecycle", "location", "softDeletePolicy", "storageClass",
    "website",
)  # fmt: skip
_NOT_EMULATED = (
    "autoclass", "billing", "customPlacementConfig", "defaultEventBasedHold", "encryption",
    "hierarchicalNamespace", "ipFilter", "logging", "objectRetention", "retentionPolicy", "versioning",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket.

    Attributes:
        name: its name.
        metageneration: counts the versions of its metadata, from 1.
        created: microseconds since 1970.
        updated: microseconds since 1970.
        settings: what clients wrote, as in the JSON API.
        policy: who may do what, as in the JSON API; kept, never applied.
    """

    name: str
    metageneration: int = 1
    created: int
    updated: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)


class BucketStore:
    """The buckets below a folder; every method may be called from any thread."""

    def __init__(self, root: Path, state: State) -> None:
        """Make a store.

        Args:
            root: the folder whose folders are buckets.
            state: holds everything else about them.
        """
        self._root = root
        self._state = state
        self._lock = threading.RLock()

    def folder(self, name: str) -> Path:
        """A bucket's folder.

        Raises:
            InvalidArgument: no bucket may be called so.
            NoSuchBucket: it isn't there.
        """
        check_bucket_name(name)
        folder = self._root / name
        if not folder.is_dir():
            raise NoSuchBucket
        return folder

    def insert(self, name: str, resource: Mapping[str, Any]) -> Bucket:
        """Make a bucket.

        Raises:
            InvalidArgument: no bucket may be called so.
            BucketExists: it is there.
            Unimplemented: the resource asks for something that isn't emulated.
        """
        check_bucket_name(name)
        settings = _merged({}, resource)
        with self._lock:
            try:
                (self._root / name).mkdir()
            except FileExistsError:
                raise BucketExists from None
            bucket = Bucket(name=name, created=clock.now(), updated=clock.now(), settings=settings)
            self._state.put(_KIND, name, asdict(bucket))
        return bucket

    def get(self, name: str) -> Bucket:
        """A bucket; one that another program made as a folder is new.

        Raises:
            InvalidArgument: no bucket may be called so.
            NoSuchBucket: it isn't there.
        """
        folder = self.folder(name)
        document = self._state.get(_KIND, name)
        if document is None:
            made = folder.stat().st_mtime_ns // 1000
            document = asdict(Bucket(name=name, created=made, updated=made))
            self._state.put(_KIND, name, document)
        return Bucket(**document)

    def list(self, prefix: str = "") -> list[Bucket]:
        """All buckets whose name begins with the prefix, by name."""
        names = sorted(entry.name for entry in self._root.iterdir() if entry.is_dir())
        return [self.get(name) for name in names if name.startswith(prefix) and is_bucket_name(name)]

    def patch(self, name: str, resource: Mapping[str, Any], check: Callable[[Bucket], None]) -> Bucket:
        """Change the settings that the resource names; `null` removes one.

        Args:
            name: the bucket's name.
            resource: new settings.
            check: raises what forbids the change.

        Raises:
            NoSuchBucket: it isn't there.
            Unimplemented: the resource asks for something that isn't emulated.
        """
        return self._change(name, check, lambda old: {"settings": _merged(old.settings, resource)})

    def set_policy(self, name: str, policy: Mapping[str, Any]) -> Bucket:
        """Keep another IAM policy.

        Raises:
            NoSuchBucket: it isn't there.
        """
        return self._change(name, lambda _: None, lambda _: {"policy": dict(policy)})

    def delete(self, name: str, check: Callable[[Bucket], None]) -> None:
        """Remove an empty bucket.

        Args:
            name: the bucket's name.
            check: raises what forbids it.

        Raises:
            NoSuchBucket: it isn't there.
            BucketNotEmpty: there is a file in it.
        """
        with self._lock:
            check(self.get(name))
            folder = self.folder(name)
            folders = {document["folder"]["name"] for document in self._state.list(f"folder:{name}")}
            if next(walk(folder, folders=folders), None) is not None:
                raise BucketNotEmpty
            remove_empty(folder)
            if folder.exists():
                raise BucketNotEmpty
            self._state.delete(_KIND, name)

    def _change(
        self, name: str, check: Callable[[Bucket], None], changes: Callable[[Bucket], dict[str, Any]]
    ) -> Bucket:
        with self._lock:
            found = self.get(name)
            check(found)
            changed = replace(
                found, metageneration=found.metageneration + 1, updated=clock.now(), **changes(found)
            )
            self._state.put(_KIND, name, asdict(changed))
        return changed


def _merged(settings: Mapping[str, Any], resource: Mapping[str, Any]) -> dict[str, Any]:
    for name in _NOT_EMULATED:
        if _asks(resource.get(name)):
            raise Unimplemented(f"{name} of buckets is not emulated.")
    merged = {**settings, **{name: resource[name] for name in _WRITABLE if name in resource}}
    if resource.get("labels"):
        merged["labels"] = _without_nulls({**settings.get("labels", {}), **resource["labels"]})
    return _without_nulls(merged)


def _asks(setting: object) -> bool:
    """Whether a setting switches something on; `{"enabled": false}` doesn't."""
    return any(_asks(value) for value in setting.values()) if isinstance(setting, Mapping) else bool(setting)


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
