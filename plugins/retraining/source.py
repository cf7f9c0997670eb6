"""Sources of raw data, a folder or a `gs://` URI, and the ids of their snapshots."""

from __future__ import annotations

import base64
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contract.raw_data import closes_loop, ignored_reason
from retraining.errors import ConfigurationError
from retraining.google.storage import RawObject, Storage
from retraining.settings import Settings

READ_BYTES = 1 << 20


class Source(ABC):
    """Files of one folder, as they are now.

    Attributes:
        location: the folder or the `gs://` URI.
        names: every file that counts as raw data, relative to it.
        ignored: every other, relative to it, with the reason; of a folder in a folder only its name.
    """

    location: str
    names: Sequence[str]
    ignored: Mapping[str, str]

    @abstractmethod
    def describe(self, chosen: Collection[str]) -> list[RawObject]:
        """Return the chosen files with their sizes and checksums; no other file is opened."""

    @abstractmethod
    def bring(self, item: RawObject, uri: str, *, replaced: int = 0) -> None:
        """Copy a file as it was described to an object.

        Args:
            item: the description.
            uri: the object.
            replaced: generation of the object to replace; 0 for a name without one.

        Raises:
            ContentChangedError: the file is no longer as described.
        """


class Folder(Source):
    """A folder of this machine; links are followed, but not to a folder that is being walked.

    Raises:
        ConfigurationError: there is no such folder.
    """

    def __init__(self, location: str, storage: Storage) -> None:
        self.location = location
        self._folder = Path(location)
        self._storage = storage
        if not self._folder.is_dir():
            raise ConfigurationError(f"source: expected a folder, received {location!r}")
        found = dict(_walk(self._folder, "", ()))
        self.names = sorted(name for name, reason in found.items() if reason is None)
        self.ignored = {name: reason for name, reason in sorted(found.items()) if reason is not None}

    def describe(self, chosen: Collection[str]) -> list[RawObject]:
        """Read the chosen files."""
        # Reading and hashing both release the interpreter's lock.
        with ThreadPoolExecutor(thread_name_prefix="checksum") as pool:
            return list(pool.map(self._describe, sorted(chosen)))

    def bring(self, item: RawObject, uri: str, *, replaced: int = 0) -> None:
        """Upload a file."""
        self._storage.upload(str(self._folder / item.name), uri, crc32c=item.crc32c, replaced=replaced)

    def _describe(self, name: str) -> RawObject:
        import google_crc32c

        checksum, size = google_crc32c.Checksum(), 0
        with (self._folder / name).open("rb") as stream:
            while block := stream.read(READ_BYTES):
                checksum.update(block)
                size += len(block)
        return RawObject(name=name, size=size, crc32c=base64.b64encode(checksum.digest()).decode())


class Objects(Source):
    """A folder of Cloud Storage, which knows sizes and checksums already."""

    def __init__(self, location: str, storage: Storage) -> None:
        self.location = location
        self._storage = storage
        self._objects = storage.list(location)
        reasons = {found.name: ignored_reason(found.name) for found in self._objects}
        self.names = [name for name, reason in reasons.items() if reason is None]
        self.ignored = {name: reason for name, reason in reasons.items() if reason is not None}

    def describe(self, chosen: Collection[str]) -> list[RawObject]:
        """Return the chosen objects; nothing has to be read for it."""
        return [found for found in self._objects if found.name in chosen]

    def bring(self, item: RawObject, uri: str, *, replaced: int = 0) -> None:
        """Copy an object within Cloud Storage."""
        self._storage.copy(self.location + item.name, uri, generation=item.generation, replaced=replaced)


def open_source(source: str, settings: Settings, storage: Storage) -> Source:
    """Open the raw data that a spec or a run's parameter names.

    Args:
        source: a folder or a `gs://` URI; a relative one is below the source root.
        settings: the deployment.
        storage: where objects are read, and made.

    Raises:
        ConfigurationError: there is no such folder, it has no files, or the source is relative and there is
            no source root.
    """
    location = _resolve(source, settings)
    if (
        settings.source_hint
        and location != source
        and not (location.startswith("gs://") or Path(location).is_dir())
    ):
        raise ConfigurationError(f"source: expected a folder, received {location!r}; {settings.source_hint}")
    found = Objects(location, storage) if location.startswith("gs://") else Folder(location, storage)
    if not found.names:
        raise ConfigurationError(f"source: expected at least one file in {location}, received none")
    return found


def snapshot_id(objects: Iterable[RawObject]) -> str:
    """Return 16 hexadecimal digits, a hash of (name, size, crc32c) of all objects in any order."""
    digest = hashlib.sha256()
    for item in sorted(objects):
        digest.update(f"{item.name}\0{item.size}\0{item.crc32c}\n".encode())
    return digest.hexdigest()[:16]


def _resolve(source: str, settings: Settings) -> str:
    if source.startswith("gs://"):
        return source.rstrip("/") + "/"
    if Path(source).is_absolute():
        return source
    root = settings.source_root
    if root is None:
        raise ConfigurationError(
            f"source: expected a folder or a gs:// URI (no PERENNIAL_SOURCE_ROOT is set), received {source!r}"
        )
    return f"{root.rstrip('/')}/{source}/" if root.startswith("gs://") else str(Path(root, source))


def _walk(folder: Path, prefix: str, chain: tuple[str, ...]) -> Iterator[tuple[str, str | None]]:
    """Yield the files of a folder and the reason why each is ignored, if it is."""
    for entry in folder.iterdir():
        name = prefix + entry.name
        reason: str | None = ignored_reason(name)
        is_folder = entry.is_dir()
        inner = chain
        if reason is None and is_folder and entry.is_symlink():
            target = str(entry.resolve())
            inner = (*chain, str(folder.resolve()))
            reason = "link to a folder that holds it" if closes_loop(target, inner) else None
            inner = (*inner, target)
        if reason is None and is_folder:
            yield from _walk(entry, f"{name}/", inner)
        elif is_folder or entry.is_file():
            yield f"{name}/" if is_folder else name, reason
