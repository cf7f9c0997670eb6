"""Sources of raw data, a folder or objects of Cloud Storage, and the ids of their snapshots."""

from __future__ import annotations

import base64
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contract import DataContract
from contract.raw_data import closes_loop, ignored_reason, is_text
from retraining.errors import ConfigurationError
from retraining.google.storage import RawObject, Storage

READ_BYTES = 1 << 20
_DESCRIBED_TOGETHER = 10_000


class Source(ABC):
    """Files of one folder, as they are now.

    Attributes:
        location: the folder or the `gs://` URI.
        names: every file that counts as raw data, relative to it.
        ignored: every other, relative to it, with the reason.
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
        location: the folder, or one file.
        storage: takes the files.
        contract: of the dataset.
        within: folders, absolute and without links, that links may lead to; any by default.

    Raises:
        ConfigurationError: there is no such folder.
    """

    def __init__(
        self, location: str, storage: Storage, contract: DataContract, *, within: Sequence[Path] | None = None
    ) -> None:
        self.location = location
        self._folder = Path(location)
        self._storage = storage
        if self._folder.is_file():
            self.names, self.ignored = [self._folder.name], {}
            self._folder = self._folder.parent
            return
        if not self._folder.is_dir():
            raise ConfigurationError(f"source: expected a folder or a file, received {location!r}")
        found = dict(_walk(self._folder, "", (), contract, within))
        unnamed = next((name for name in found if not is_text(name)), None)
        if unnamed is not None:
            raise ConfigurationError(f"source: expected file names in UTF-8, received {location}/{unnamed!a}")
        self.names = sorted(name for name, reason in found.items() if reason is None)
        self.ignored = {name: reason for name, reason in sorted(found.items()) if reason is not None}

    def describe(self, chosen: Collection[str]) -> list[RawObject]:
        """Read the chosen files."""
        names = sorted(chosen)
        found: list[RawObject] = []
        # Reading and hashing both release the interpreter's lock.
        with ThreadPoolExecutor(thread_name_prefix="checksum") as pool:
            for at in range(0, len(names), _DESCRIBED_TOGETHER):
                found += pool.map(self._describe, names[at : at + _DESCRIBED_TOGETHER])
        return found

    def bring(self, item: RawObject, uri: str, *, replaced: int = 0) -> None:
        """Upload a file."""
        self._storage.upload(str(self._folder / item.name), uri, crc32c=item.crc32c, replaced=replaced)

    def sizes(self, chosen: Collection[str]) -> dict[str, int]:
        """Return the sizes of the chosen files, in bytes; no file is opened."""
        return {name: (self._folder / name).stat().st_size for name in chosen}

    def _describe(self, name: str) -> RawObject:
        return describe_file(self._folder / name, name)


def describe_file(file: Path, name: str) -> RawObject:
    """Return a file with its size and checksum, under a name."""
    import google_crc32c

    checksum, size = google_crc32c.Checksum(), 0
    with file.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            checksum.update(block)
            size += len(block)
    return RawObject(name=name, size=size, crc32c=base64.b64encode(checksum.digest()).decode())


class Objects(Source):
    """A folder of Cloud Storage, or one object: its sizes and checksums are known already."""

    def __init__(self, location: str, storage: Storage, contract: DataContract) -> None:
        self.location = location
        self._storage = storage
        self._objects = storage.list(location)
        folder, _, name = location.rstrip("/").rpartition("/")
        if not self._objects and (only := storage.describe(location.rstrip("/"), name)) is not None:
            self.location, self._objects = f"{folder}/", [only]
        reasons = {found.name: ignored_reason(found.name, contract) for found in self._objects}
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


def is_within(path: Path, folders: Iterable[Path]) -> bool:
    """Return True if a path, absolute and without links, is in one of the folders."""
    return any(path.is_relative_to(folder) for folder in folders)


def snapshot_id(objects: Iterable[RawObject]) -> str:
    """Return 16 hexadecimal digits, a hash of (name, size, crc32c) of all objects in any order."""
    digest = hashlib.sha256()
    for item in sorted(objects):
        digest.update(f"{item.name}\0{item.size}\0{item.crc32c}\n".encode())
    return digest.hexdigest()[:16]


def _walk(
    folder: Path,
    prefix: str,
    chain: tuple[str, ...],
    contract: DataContract,
    within: Sequence[Path] | None,
) -> Iterator[tuple[str, str | None]]:
    """Yield the files of a folder and the reason why each is ignored, if it is."""
    for entry in folder.iterdir():
        name = prefix + entry.name
        is_folder = entry.is_dir()
        reason = ignored_reason(name, None if is_folder else contract)
        inner = chain
        if reason is None and within is not None and entry.is_symlink():
            reason = None if is_within(entry.resolve(), within) else "link to what no run may name"
        if reason is None and is_folder and entry.is_symlink():
            target = str(entry.resolve())
            inner = (*chain, str(folder.resolve()))
            reason = "link to a folder that holds it" if closes_loop(target, inner) else None
            inner = (*inner, target)
        if reason is None and is_folder:
            yield from _walk(entry, f"{name}/", inner, contract, within)
        elif is_folder and not entry.is_symlink():
            for file in filter(Path.is_file, entry.rglob("*")):
                yield f"{name}/{file.relative_to(entry).as_posix()}", reason
        elif is_folder or entry.is_file():
            yield f"{name}/" if is_folder else name, reason
