"""File system of the buckets: objects appear when their files are closed, and folders can't be renamed.

Follows Cloud Storage FUSE's defaults, for buckets without hierarchical namespaces; directories are implicit.
https://github.com/GoogleCloudPlatform/gcsfuse/blob/master/docs/semantics.md
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfusepy import FuseOSError, Operations

_STAT = ("st_atime", "st_ctime", "st_gid", "st_mode", "st_mtime", "st_nlink", "st_size", "st_uid")
_RENAME_NOREPLACE = 1
_WRITE_BYTES = 1 << 20
_HIDDEN = ".fuse_hidden"
"""Begin of the names that libfuse gives to files which are removed while they are open."""


@dataclass
class _Draft:
    """File that is being written: its content is in no bucket before it is published.

    Attributes:
        file: in the scratch folder.
        handles: open handles that may write.
        dirty: whether it has content that is not published.
        hidden: whether its file was removed while it was open: it is never published.
    """

    file: Path
    handles: int = 0
    dirty: bool = True
    hidden: bool = False


class BucketFileSystem(Operations):
    """Buckets as folders of the root, which itself can't be listed, as with a mount of all buckets."""

    use_ns = True

    def __init__(self, buckets: Path, scratch: Path) -> None:
        """Create the file system.

        Args:
            buckets: the folder whose folders are buckets.
            scratch: an existing folder of the same disk, for files that are being written.
        """
        self._buckets = buckets
        self._scratch = scratch
        self._drafts: dict[str, _Draft] = {}
        self._writers: dict[int, _Draft] = {}
        self._numbers = itertools.count()
        self._lock = threading.RLock()

    def init_with_config(self, conn_info: Any, config_3: Any) -> None:  # noqa: ARG002
        """Ask the kernel for large writes."""
        conn_info.max_write = _WRITE_BYTES

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:  # noqa: ARG002
        """Return a file's attributes; of one that is being written, those of its draft."""
        with self._lock:
            draft = self._drafts.get(path)
            found = (self._real(path) if draft is None else draft.file).stat()
        attributes = {name: getattr(found, name) for name in _STAT}
        for name in ("st_atime", "st_ctime", "st_mtime"):
            attributes[name] = getattr(found, f"{name}_ns")
        if stat.S_ISREG(found.st_mode):
            attributes["st_nlink"] = 1
        return attributes

    def readdir(self, path: str, fh: int) -> Iterator[str]:  # noqa: ARG002
        """Return the names in a folder, those of drafts too: their own mount sees them."""
        if path == "/":
            raise FuseOSError(errno.ENOTSUP)
        names = {entry.name for entry in self._real(path).iterdir()}
        with self._lock:
            names |= {name for folder, name in map(_split, self._drafts) if folder == path}
        yield from (".", "..", *sorted(name for name in names if not name.startswith(_HIDDEN)))

    def mkdir(self, path: str, mode: int) -> int:  # noqa: ARG002
        """Make a folder."""
        self._writable(path).mkdir()
        return 0

    def rmdir(self, path: str) -> int:
        """Remove an empty folder."""
        with self._lock:
            if any(_split(other)[0] == path for other in self._drafts):
                raise FuseOSError(errno.ENOTEMPTY)
        self._writable(path).rmdir()
        return 0

    def unlink(self, path: str) -> int:
        """Remove a file; libfuse renames one that is open instead, and removes it when it is closed."""
        with self._lock:
            draft = self._drafts.pop(path, None)
            real = self._writable(path)
            if draft is None or real.exists():
                real.unlink()
            if draft is not None and not draft.handles:
                draft.file.unlink(missing_ok=True)
        return 0

    def rename(self, old: str, new: str, flags: int = 0) -> int:
        """Rename a file; of a folder only an empty one, since others would be many copies.

        Raises:
            FuseOSError: EMFILE for a folder with files in it, as with `rename-dir-limit` 0; ENOTSUP for
                another bucket.
        """
        if flags & ~_RENAME_NOREPLACE:
            raise FuseOSError(errno.EINVAL)
        source, target = self._writable(old), self._writable(new)
        if old.split("/")[1] != new.split("/")[1]:
            raise FuseOSError(errno.ENOTSUP)
        with self._lock:
            if _split(new)[1].startswith(_HIDDEN):
                self._hide(old, new)
                return 0
            if flags & _RENAME_NOREPLACE and (target.exists() or new in self._drafts):
                raise FuseOSError(errno.EEXIST)
            if source.is_dir():
                below = any(other.startswith(f"{old}/") for other in self._drafts)
                if below or any(source.iterdir()):
                    raise FuseOSError(errno.EMFILE)
            draft = self._drafts.pop(old, None)
            if draft is not None:
                self._drafts.pop(new, None)
                self._drafts[new] = draft
                draft.dirty = True
                source.unlink(missing_ok=True)
                if not draft.handles:
                    self._publish(new)
                return 0
            source.replace(target)
            self._drafts.pop(new, None)
        return 0

    def create(self, path: str, mode: int, flags: int = 0) -> int:  # noqa: ARG002
        """Begin a new file, which is in no bucket before it is closed."""
        return self._open_draft(path, flags | os.O_CREAT | os.O_TRUNC)

    def open(self, path: str, flags: int) -> int:
        """Open a file; what is read while it is written comes from its draft."""
        if flags & (os.O_WRONLY | os.O_RDWR):
            return self._open_draft(path, flags)
        with self._lock:
            draft = self._drafts.get(path)
            return os.open(self._real(path) if draft is None else draft.file, os.O_RDONLY)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:  # noqa: ARG002
        """Read from an open file."""
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:  # noqa: ARG002
        """Write into the draft of an open file."""
        written = os.pwrite(fh, data, offset)
        self._writers[fh].dirty = True
        return written

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:  # noqa: ARG002
        """Cut or extend a file; one that is not open for writing is published at once."""
        with self._lock:
            if (draft := self._drafts.get(path)) is not None:
                os.truncate(draft.file, length)
                draft.dirty = True
                return 0
        handle = self._open_draft(path, os.O_RDWR)
        try:
            os.ftruncate(handle, length)
            self._writers[handle].dirty = True
            self.flush(path, handle)
        finally:
            self.release(path, handle)
        return 0

    def flush(self, path: str, fh: int) -> int:
        """Publish what was written: called with every close."""
        with self._lock:
            if fh in self._writers and self._drafts.get(path) is self._writers[fh]:
                self._publish(path)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:  # noqa: ARG002
        """Publish what was written so far."""
        return self.flush(path, fh)

    def release(self, path: str, fh: int) -> int:
        """Close a handle; the last one that writes ends the draft."""
        with self._lock:
            draft = self._writers.pop(fh, None)
            os.close(fh)
            if draft is None:
                return 0
            draft.handles -= 1
            if not draft.handles:
                if draft.hidden and path in self._drafts:
                    return 0  # libfuse removes it next
                if self._drafts.get(path) is draft:
                    self._publish(path)
                    del self._drafts[path]
                draft.file.unlink(missing_ok=True)
        return 0

    def chmod(self, path: str, mode: int) -> int:  # noqa: ARG002
        """Accept and ignore: objects have no modes."""
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:  # noqa: ARG002
        """Accept and ignore: objects have no owners among users."""
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        """Set the time of the last change; of a published draft, which the kernel may release late, both."""
        with self._lock:
            draft = self._drafts.get(path)
            files = [] if draft is None else [draft.file]
            if draft is None or not (draft.dirty or draft.hidden):
                files.append(self._real(path))
            for file in files:
                os.utime(file, ns=times or (time.time_ns(),) * 2)
        return 0

    def statfs(self, path: str) -> dict[str, int]:  # noqa: ARG002
        """Return the figures of this machine's disk."""
        found = os.statvfs(self._buckets)
        return {name: getattr(found, name) for name in dir(found) if name.startswith("f_")}

    def _open_draft(self, path: str, flags: int) -> int:
        real = self._writable(path)
        with self._lock:
            draft = self._drafts.get(path)
            if draft is None:
                file = self._scratch / str(next(self._numbers))
                if flags & os.O_TRUNC or (flags & os.O_CREAT and not real.exists()):
                    if not real.parent.is_dir():
                        raise FuseOSError(errno.ENOENT)
                    file.touch()
                    draft = _Draft(file)
                else:
                    shutil.copyfile(real, file)
                    draft = _Draft(file, dirty=False)
                self._drafts[path] = draft
            elif flags & os.O_TRUNC:
                os.truncate(draft.file, 0)
                draft.dirty = True
            handle = os.open(draft.file, os.O_RDWR)
            draft.handles += 1
            self._writers[handle] = draft
        return handle

    def _hide(self, old: str, new: str) -> None:
        """Take a file that is open out of its bucket; its handles go on."""
        draft, real = self._drafts.pop(old, None), self._real(old)
        if draft is None:
            draft = _Draft(self._scratch / str(next(self._numbers)), dirty=False)
            shutil.move(real, draft.file)
        else:
            real.unlink(missing_ok=True)
        draft.hidden = True
        self._drafts[new] = draft

    def _publish(self, path: str) -> None:
        draft = self._drafts[path]
        if draft.hidden or not draft.dirty:
            return
        draft.dirty = False
        copy = draft.file.with_name(f"{draft.file.name}.copy")
        shutil.copyfile(draft.file, copy)
        found = draft.file.stat()
        os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))
        copy.replace(self._real(path))

    def _real(self, path: str) -> Path:
        return self._buckets.joinpath(*path.split("/"))

    def _writable(self, path: str) -> Path:
        """Return the file of a path inside of a bucket: nothing is made or removed beside the buckets."""
        real = self._real(path)
        if real.parent == self._buckets:
            raise FuseOSError(errno.ENOTSUP)
        return real


def _split(path: str) -> tuple[str, str]:
    """Return the folder of a path, and its name there."""
    folder, _, name = path.rpartition("/")
    return folder or "/", name
