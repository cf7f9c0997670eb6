"""Store of objects as plain files.

What is renamed into a bucket's folder, by anybody, is an object. A write goes to a temporary file of the same
filesystem and is renamed into place: it is there as a whole or not at all, also after `kill -9`. Nothing is
forced to the disk; a power cut may lose the newest objects.
"""

from __future__ import annotations

import mimetypes
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from heapq import merge
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from emulator.errors import InvalidArgument
from emulator.iam import require
from emulator.iam.permissions import OVERWRITE
from emulator.storage.buckets import BucketStore
from emulator.storage.checksums import Checksums, Digests
from emulator.storage.errors import NoSuchObject
from emulator.storage.generations import FOLDER_MARK, NoncurrentVersions, ObjectIndex, fingerprint
from emulator.storage.metadata import DEFAULT_CONTENT_TYPE, ObjectMetadata, StoredObject, now_microseconds
from emulator.storage.names import is_folder, object_path
from emulator.storage.preconditions import Preconditions
from emulator.storage.tree import make_room, prune, walk

_ATTEMPTS = 20
"""Number of reads of a file that another program is writing."""


class ObjectStore:
    """Store of the objects of all buckets; every method may be called from any thread.

    Methods with the names of a bucket and an object raise `InvalidArgument` for invalid ones, `NoSuchBucket`,
    and `NoSuchObject` for an object that must exist; those with `Preconditions` raise as they do.
    """

    def __init__(
        self,
        buckets: BucketStore,
        index: ObjectIndex,
        versions: NoncurrentVersions,
        *,
        folders: Path,
        temporary: Path,
    ) -> None:
        """Make a store.

        Args:
            buckets: the store of the buckets.
            index: the index of the live objects.
            versions: the store of the noncurrent ones.
            folders: a folder for the contents of objects that stand for folders.
            temporary: a folder for contents on their way; both on the same filesystem as the buckets.
        """
        self.buckets = buckets
        self._index = index
        self._versions = versions
        self._folders = folders
        self._temporary = temporary
        # Held while a file is exchanged and its entry made, never while content is read or written, but for
        # moves with Object Versioning.
        self._lock = buckets.lock

    def recover(self) -> None:
        """Remove what a killed process left half done: versions of what is live, and contents of nothing."""
        with self._lock:
            buckets = [bucket.name for bucket in self.buckets.list()]
            for bucket in buckets:
                for name in self._versions.names(bucket):
                    live = self.find(bucket, name)
                    stale = live and self._versions.find(bucket, name, live.generation)
                    if stale:
                        self._versions.remove(stale)
            self._versions.remove_strays(buckets)
            kept = {file for bucket in buckets for file in self._index.folder_files(bucket)}
            for path in self._folders.iterdir():
                if path.name not in kept:
                    path.unlink()

    def get(self, bucket: str, name: str, generation: int | None = None) -> StoredObject:
        """Return the live object, or the version of a generation."""
        live = self.find(bucket, name)
        if live is not None and generation in {None, live.generation}:
            return live
        noncurrent = None if generation is None else self._versions.find(bucket, name, generation)
        if noncurrent is None:
            raise NoSuchObject(bucket, name if generation is None else f"{name}#{generation}")
        return noncurrent

    def find(self, bucket: str, name: str) -> StoredObject | None:
        """Return the live object, or `None`."""
        for _ in range(_ATTEMPTS):
            mark = self._mark(bucket, name)
            if mark is None:
                break
            found = self._index.find(bucket, name, mark) or self._describe(bucket, name, mark)
            if found is not None:
                return found
        return None

    def generations(self, bucket: str, name: str) -> list[StoredObject]:
        """Return the noncurrent versions of an object and then the live one, as far as there are any."""
        live = self.find(bucket, name)
        older = self._versions.of(bucket, name)
        if live is None:
            return older
        return [*(version for version in older if version.generation != live.generation), live]

    def open(self, bucket: str, name: str, generation: int | None = None) -> tuple[StoredObject, BinaryIO]:
        """Open an object's content, which stays the same while it is read even if the object is replaced."""
        for _ in range(_ATTEMPTS):
            found = self.get(bucket, name, generation)
            if found.deleted is not None:
                try:
                    return found, self._versions.content(found).open("rb")
                except FileNotFoundError:
                    break
            try:
                file = self._content(found).open("rb")
            except FileNotFoundError:
                continue
            if is_folder(name):
                return found, file
            if self._index.find(bucket, name, fingerprint(os.fstat(file.fileno()))) == found:
                return found, file
            file.close()
        raise NoSuchObject(bucket, name)

    def names(
        self,
        bucket: str,
        *,
        prefix: str = "",
        start: str = "",
        end: str = "",
        shallow: bool = False,
        versions: bool = False,
    ) -> Iterator[str]:
        """Yield the names of a bucket's objects in order; the arguments are those of `tree.walk`.

        With `versions`, also names that only noncurrent versions have; a name that both have comes twice.
        """
        folder, folders = self.buckets.folder(bucket), self._index.folders(bucket)
        live = walk(folder, folders=folders, prefix=prefix, start=start, end=end, shallow=shallow)
        if not versions:
            return live
        noncurrent = (
            name
            for name in self._versions.names(bucket)
            if name.startswith(prefix) and name >= start and (not end or name < end)
        )
        return merge(live, noncurrent)

    def new_file(self) -> Path:
        """Return a path for content that is to be committed."""
        return self._temporary / uuid.uuid4().hex

    def check(self, bucket: str, name: str, conditions: Preconditions) -> None:
        """Check before content is received what `commit` would refuse later."""
        self._path(bucket, name)
        self._check_write(bucket, name, conditions)

    def _check_write(self, bucket: str, name: str, conditions: Preconditions) -> None:
        found = self.find(bucket, name)
        conditions.check_write(found)
        if found is not None:
            require(OVERWRITE, f"{bucket}/{name}")

    def commit(
        self,
        content: Path,
        bucket: str,
        name: str,
        *,
        digests: Digests,
        metadata: ObjectMetadata,
        conditions: Preconditions,
        component_count: int | None = None,
    ) -> StoredObject:
        """Commit a file as an object, by renaming it.

        Args:
            content: a file on the filesystem of the buckets, `new_file()` for instance.
            bucket: the bucket's name.
            name: the object's name.
            digests: the checksums of the content.
            metadata: its metadata.
            conditions: preconditions on the object that is replaced.
            component_count: of how many parts it was composed.

        Raises:
            PathConflict: another object's file or folder is where this one's would be.
        """
        with self._lock:
            path = self._path(bucket, name)
            self._check_write(bucket, name, conditions)
            status = content.stat()
            made = now_microseconds()
            generation = max(made, self._last_generation(bucket, name) + 1)
            committed = StoredObject(
                bucket=bucket, name=name, generation=generation, size=status.st_size,
                crc32c=digests.crc32c or "", md5=digests.md5, created=made, updated=made,
                component_count=component_count, metadata=metadata,
                file=uuid.uuid4().hex if is_folder(name) and status.st_size else "",
            )  # fmt: skip
            make_room(self.buckets.folder(bucket), name)
            self._keep_version(bucket, name)
            if is_folder(name):
                path.mkdir(exist_ok=True)
                replaced = self.find(bucket, name)
                if committed.file:
                    content.replace(self._folders / committed.file)
                self._index.put(committed, FOLDER_MARK)
                if replaced is not None and replaced.file:
                    (self._folders / replaced.file).unlink(missing_ok=True)
            else:
                self._index.put(committed, fingerprint(status), replaces=self._mark(bucket, name))
                content.replace(path)
        return committed

    def patch(
        self,
        bucket: str,
        name: str,
        change: Callable[[ObjectMetadata], ObjectMetadata],
        conditions: Preconditions,
    ) -> StoredObject:
        """Change an object's metadata, and count that in its metageneration."""
        with self._lock:
            found = self.get(bucket, name, conditions.generation)
            conditions.check_existing(found)
            changed = replace(
                found,
                metadata=change(found.metadata),
                metageneration=found.metageneration + 1,
                updated=now_microseconds(),
            )
            mark = self._mark(bucket, name)
            if found.deleted is not None:
                self._versions.change(changed)
            elif mark is None:
                raise NoSuchObject(bucket, name)
            else:
                self._index.put(changed, mark)
        return changed

    def delete(self, bucket: str, name: str, conditions: Preconditions) -> None:
        """Remove an object, and the folders that held nothing else.

        In a bucket with Object Versioning the live object becomes noncurrent, unless the request names its
        generation: https://cloud.google.com/storage/docs/deleting-objects#delete-generation
        """
        with self._lock:
            found = self.get(bucket, name, conditions.generation)
            conditions.check_existing(found)
            if found.deleted is not None:
                self._versions.remove(found)
                return
            if conditions.generation is None:
                self._keep_version(bucket, name)
            # First the file: without its entry it would be taken for another program's.
            if not is_folder(name):
                self._path(bucket, name).unlink(missing_ok=True)
            self._index.forget(bucket, name)
            if found.file:
                (self._folders / found.file).unlink(missing_ok=True)
            prune(self.buckets.folder(bucket), name, keep=self._index.folders(bucket))

    def move(
        self, bucket: str, source: str, name: str, *, on_source: Preconditions, conditions: Preconditions
    ) -> StoredObject:
        """Rename an object within its bucket; it becomes a new generation."""
        with self._lock:
            found = self.get(bucket, source)
            on_source.check_existing(found)
            if is_folder(source) or is_folder(name) or source == name:
                raise InvalidArgument(f"moveTo: expected two files, received {source!r} and {name!r}")
            # With Object Versioning the source becomes a version, which keeps its content whoever writes
            # into the new object's file.
            keep = self.buckets.get(bucket).is_versioned
            content = self._path(bucket, source)
            if keep:
                conditions.check_write(self.find(bucket, name))
                content = Path(shutil.copyfile(content, self.new_file()))
            moved = self.commit(
                content, bucket, name, conditions=conditions, metadata=found.metadata,
                digests=Digests(crc32c=found.crc32c, md5=found.md5), component_count=found.component_count,
            )  # fmt: skip
            if keep:
                self.delete(bucket, source, Preconditions())
            else:
                self._index.forget(bucket, source)
                prune(self.buckets.folder(bucket), source, keep=self._index.folders(bucket))
        return moved

    def _last_generation(self, bucket: str, name: str) -> int:
        noncurrent = self._versions.of(bucket, name)
        return max(self._index.last_generation(bucket, name), noncurrent[-1].generation if noncurrent else 0)

    def _keep_version(self, bucket: str, name: str) -> None:
        """Keep the live object, if any, as a noncurrent version where the bucket's versioning asks for it."""
        if self.buckets.get(bucket).is_versioned:
            live = self.find(bucket, name)
            if live is not None:
                is_empty = is_folder(name) and not live.file
                self._versions.add(live, None if is_empty else self._content(live))

    def _content(self, live: StoredObject) -> Path:
        if is_folder(live.name):
            return self._folders / live.file if live.file else Path(os.devnull)
        return self._path(live.bucket, live.name)

    def _path(self, bucket: str, name: str) -> Path:
        folder = self.buckets.folder(bucket)
        path = object_path(folder, name)
        for ancestor in path.relative_to(folder).parents[:-1]:
            if (folder / ancestor).is_symlink():
                raise InvalidArgument(
                    f"{name}: {ancestor} is a symbolic link, which the emulator doesn't follow"
                )
        return path

    def _mark(self, bucket: str, name: str) -> str | None:
        """Return the fingerprint of an object's file; `None` if there is none."""
        path = self._path(bucket, name)
        if is_folder(name):
            return FOLDER_MARK if path.is_dir() and name in self._index.folders(bucket) else None
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return fingerprint(status) if S_ISREG(status.st_mode) else None

    def _describe(self, bucket: str, name: str, mark: str) -> StoredObject | None:
        """Add a file that another program wrote to the index; `None` if it changes meanwhile."""
        try:
            with self._path(bucket, name).open("rb") as file:
                digests = Checksums.of(file).digests()
                status = os.fstat(file.fileno())
        except FileNotFoundError:
            return None
        if fingerprint(status) != mark:
            return None
        with self._lock:
            if self._mark(bucket, name) != mark:
                return None
            known = self._index.find(bucket, name, mark)
            if known is not None:
                return known
            written = status.st_mtime_ns // 1000
            found = StoredObject(
                bucket=bucket, name=name, size=status.st_size, created=written, updated=written,
                generation=max(written, self._index.last_generation(bucket, name) + 1),
                crc32c=digests.crc32c or "", md5=digests.md5,
                metadata=ObjectMetadata(content_type=mimetypes.guess_type(name)[0] or DEFAULT_CONTENT_TYPE),
            )  # fmt: skip
            self._index.put(found, mark)
        return found
