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
    def sizes(self, chosen: Collection[str]) -> dict[str, int]:
        """Return the sizes of the chosen files, in bytes; no file is opened."""

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

    Args:
        location: the folder.
        storage: takes the files.
        within: folders, absolute and without links, that links may lead to; any by default.

    Raises:
        ConfigurationError: there is no such folder.
    """

    def __init__(self, location: str, storage: Storage, *, within: Sequence[Path] | None = None) -> None:
        self.location = location
        self._folder = Path(location)
        self._storage = storage
        if not self._folder.is_dir():
            raise ConfigurationError(f"source: expected a folder, received {location!r}")
        found = dict(_walk(self._folder, "", (), within))
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

    def sizes(self, chosen: Collection[str]) -> dict[str, int]:
        """Return the sizes of the chosen files, in bytes; no file is opened."""
        return {name: (self._folder / name).stat().st_size for name in chosen}

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

    def sizes(self, chosen: Collection[str]) -> dict[str, int]:
        """Return the sizes of the chosen objects, in bytes."""
        return {found.name: found.size for found in self.describe(chosen)}

    def describe(self, chosen: Collection[str]) -> list[RawObject]:
        """Return the chosen objects; nothing has to be read for it."""
        return [found for found in self._objects if found.name in chosen]

    def bring(self, item: RawObject, uri: str, *, replaced: int = 0) -> None:
        """Copy an object within Cloud Storage."""
        self._storage.copy(self.location + item.name, uri, generation=item.generation, replaced=replaced)


def open_source(spec: str, requested: str, settings: Settings, storage: Storage) -> Source:
    """Open the raw data that a run's parameter names, or else the spec.

    The author of a DAG file can name any source. A parameter comes from whoever may trigger a run: it
    reaches only what the deployment allows, and any other is refused without a look whether it exists.

    Args:
        spec: a folder or a `gs://` URI; a relative one is below the source root.
        requested: in place of the spec's; empty for the spec's.
        settings: the deployment.
        storage: where objects are read, and made.

    Raises:
        ConfigurationError: the deployment does not allow the source, there is no such folder, it has no
            files, or the source is relative and there is no source root.
    """
    source = requested or spec
    location = _resolve(source, settings)
    within = None
    if requested and requested != spec:
        within = _check_allowed(requested, location, settings)
    if (
        settings.source_hint
        and location != source
        and not (location.startswith("gs://") or Path(location).is_dir())
    ):
        raise ConfigurationError(f"source: expected a folder, received {location!r}; {settings.source_hint}")
    found = (
        Objects(location, storage)
        if location.startswith("gs://")
        else Folder(location, storage, within=within)
    )
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


def _check_allowed(source: str, location: str, settings: Settings) -> list[Path]:
    """Refuse a source that is below none of the deployment's prefixes, and return those that are folders."""
    prefixes = settings.requestable_sources
    folders = [Path(prefix).resolve() for prefix in prefixes if not prefix.startswith("gs://")]
    if location.startswith("gs://"):
        allowed = any(
            location.startswith(f"{prefix.rstrip('/')}/") or prefix == "gs://"
            for prefix in prefixes
            if prefix.startswith("gs://")
        )
    else:
        allowed = _is_within(Path(location).resolve(), folders)
    if not allowed:
        raise ConfigurationError(
            f"source: expected the spec's, or one below {' or '.join(prefixes) or 'none'} "
            f"(PERENNIAL_SOURCE_ROOT, PERENNIAL_SOURCE_PREFIXES), received {source!r}"
        )
    return folders


def _is_within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _walk(
    folder: Path, prefix: str, chain: tuple[str, ...], within: Sequence[Path] | None
) -> Iterator[tuple[str, str | None]]:
    """Yield the files of a folder and the reason why each is ignored, if it is."""
    for entry in folder.iterdir():
        name = prefix + entry.name
        reason: str | None = ignored_reason(name)
        is_folder = entry.is_dir()
        inner = chain
        if reason is None and within is not None and entry.is_symlink():
            reason = None if _is_within(entry.resolve(), within) else "link to what no run may name"
        if reason is None and is_folder and entry.is_symlink():
            target = str(entry.resolve())
            inner = (*chain, str(folder.resolve()))
            reason = "link to a folder that holds it" if closes_loop(target, inner) else None
            inner = (*inner, target)
        if reason is None and is_folder:
            yield from _walk(entry, f"{name}/", inner, within)
        elif is_folder or entry.is_file():
            yield f"{name}/" if is_folder else name, reason
