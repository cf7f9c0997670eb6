"""The folder of a converted dataset: files appear whole, and the commit mark last.

What a shard holds depends on the raw data and the contract alone. So a file that an earlier, broken attempt
left behind has the same bytes and stays; one with other bytes (an attempt with other settings) is replaced,
unless the commit mark is there: what is committed never changes.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from preprocessing.errors import OutputError
from preprocessing.stores import LocalStore, open_store

COMMIT_MARK = "dataset_info.json"

_SCRATCH_SUFFIX = ".tmp"


@dataclass(frozen=True, kw_only=True)
class OutputFolder:
    """Where a dataset is written.

    Attributes:
        uri: a folder or a `gs://` prefix, without a slash at the end.
        dataset: its name; the shards' names begin with it.
    """

    uri: str
    dataset: str

    def shard_name(self, split: str, shard: int, num_shards: int) -> str:
        """The file name that TensorFlow Datasets gives a shard."""
        return f"{self.dataset}-{split}.tfrecord-{shard:05d}-of-{num_shards:05d}"

    def is_committed(self) -> bool:
        """Whether a conversion into this folder has ended well."""
        return open_store(self.uri).exists(self._uri_of(COMMIT_MARK))

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A path to write a file at before it is published under its name; gone afterwards in any case."""
        uri = self._uri_of(name)
        unique = f".{uri.rsplit('/', 1)[-1]}.{uuid.uuid4().hex}{_SCRATCH_SUFFIX}"
        path = open_store(uri).scratch_folder(uri) / unique
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def publish(self, scratch: Path, name: str) -> None:
        """Give a scratch file its final name.

        Raises:
            OutputError: the dataset is committed with other bytes under this name.
        """
        uri = self._uri_of(name)
        store = open_store(uri)
        if store.create(scratch, uri) or store.crc32c(uri) == LocalStore().crc32c(str(scratch)):
            return
        if self.is_committed():
            raise OutputError(f"{uri}: expected the bytes that were committed, received others")
        store.replace(scratch, uri)

    def publish_text(self, name: str, text: str) -> None:
        """Write a small file.

        Raises:
            OutputError: the dataset is committed with other bytes under this name.
        """
        with self.scratch(name) as path:
            path.write_text(text)
            self.publish(path, name)

    def read_text(self, name: str) -> str:
        """A small file's text."""
        return open_store(self.uri).read(self._uri_of(name)).decode()

    def check_shards(self, expected: Mapping[str, int]) -> None:
        """See that the shards are there, whole, before they are committed.

        Args:
            expected: bytes by name.

        Raises:
            OutputError: one is missing or has another size.
        """
        found = {entry.name: entry.size for entry in open_store(self.uri).files(self.uri, recursive=False)}
        for name, size in expected.items():
            if found.get(name) != size:
                raise OutputError(
                    f"{self._uri_of(name)}: expected {size} bytes, received {found.get(name, 'no file')}"
                )

    def remove_leftovers(self, keep: Iterable[str]) -> None:
        """Delete what broken attempts left behind: scratch files, and shards of another number of shards."""
        kept = set(keep)
        shard = re.compile(rf"{re.escape(self.dataset)}-[a-z]+\.tfrecord-\d+-of-\d+")
        store = open_store(self.uri)
        for entry in list(store.files(self.uri, recursive=False)):
            scratch = entry.name.startswith(f".{self.dataset}-") and entry.name.endswith(_SCRATCH_SUFFIX)
            if scratch or (entry.name not in kept and shard.fullmatch(entry.name)):
                store.remove(self._uri_of(entry.name))

    def _uri_of(self, name: str) -> str:
        return f"{self.uri}/{name}"
