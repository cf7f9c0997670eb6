"""The output folder: TFRecord files of a shard, published whole, and the success marker last.

The bytes of a shard depend on the raw data and the contract alone. So a file that an earlier, broken attempt
left behind has the same bytes and stays; one with other bytes (an attempt with other settings) is replaced,
unless the success marker (`dataset_info.json`) is there: a committed dataset never changes.
"""

from __future__ import annotations

import functools
import re
import struct
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import google_crc32c
import numpy as np
import pyarrow as pa

from contract.artifacts import DatasetInfo, shard_filename
from preprocessing.conversion_stats import ShardFile
from preprocessing.errors import OutputError
from preprocessing.example_serialization import by_length, equal_parts, joined, lengths_of
from preprocessing.stores import LocalStore, open_store

FRAME_BYTES = 16
"""Bytes that the TFRecord framing adds to a record."""

_SCRATCH_SUFFIX = ".tmp"
_BUFFER_BYTES = 1 << 20
_MASK_DELTA = 0xA282EAD8

_pack_crc = struct.Struct("<I").pack


@dataclass(frozen=True, kw_only=True)
class OutputFolder:
    """The folder of one dataset.

    Attributes:
        uri: a folder or a `gs://` prefix, without a slash at the end.
        dataset: the dataset's name; the shards' names begin with it.
    """

    uri: str
    dataset: str

    def is_committed(self) -> bool:
        """Return True if a conversion into this folder has succeeded."""
        return open_store(self.uri).exists(self._uri_of(DatasetInfo.FILENAME))

    @contextmanager
    def scratch_file(self, name: str) -> Iterator[Path]:
        """Yield a path to write a file at before it is published under its name; remove it in any case."""
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
        with self.scratch_file(name) as path:
            path.write_text(text)
            self.publish(path, name)

    def read_text(self, name: str) -> str:
        """Return the text of a small file."""
        return open_store(self.uri).read(self._uri_of(name)).decode()

    def check_shards(self, expected: Mapping[str, int]) -> None:
        """Check before the commit that the shards are there, whole.

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

    def remove_stale_files(self, keep: Iterable[str]) -> None:
        """Delete the files of broken attempts: scratch files, and shards of another number of shards."""
        kept = set(keep)
        shard = re.compile(rf"{re.escape(self.dataset)}-[a-z]+\.tfrecord-\d+-of-\d+")
        store = open_store(self.uri)
        for entry in list(store.files(self.uri, recursive=False)):
            scratch = entry.name.startswith(f".{self.dataset}-") and entry.name.endswith(_SCRATCH_SUFFIX)
            if scratch or (entry.name not in kept and shard.fullmatch(entry.name)):
                store.remove(self._uri_of(entry.name))

    def _uri_of(self, name: str) -> str:
        return f"{self.uri}/{name}"


class ShardFiles:
    """The open files of one shard, by split."""

    def __init__(self, files: dict[str, BinaryIO]) -> None:
        self._files = files
        self._records: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def write(self, split: str, records: Sequence[bytes]) -> None:
        """Append serialized records to the file of a split."""
        self._files[split].writelines(frame_records(records))
        self._bytes[split] += sum(map(len, records)) + FRAME_BYTES * len(records)
        self._records[split] += len(records)

    def write_all(self, split: str, records: pa.BinaryArray) -> None:
        """Append n small records to the file of a split: those of `write`, made all together."""
        if records:
            framed = frame_together(records)
            self._files[split].write(framed)
            self._bytes[split] += len(framed)
            self._records[split] += len(records)

    @property
    def written(self) -> dict[str, ShardFile]:
        """Records and bytes of each file so far."""
        return {split: ShardFile(self._records[split], self._bytes[split]) for split in self._files}


@contextmanager
def open_shard_files(
    output: OutputFolder, shard: int, num_shards: int, splits: Iterable[str]
) -> Iterator[ShardFiles]:
    """Open the files of a shard; they appear in the output folder when the block ends without an error.

    Raises:
        OutputError: the dataset is committed with other bytes.
    """
    with ExitStack() as scratches:
        names = {split: shard_filename(output.dataset, split, shard, num_shards) for split in splits}
        paths = {split: scratches.enter_context(output.scratch_file(name)) for split, name in names.items()}
        with ExitStack() as opened:
            yield ShardFiles(
                {split: opened.enter_context(path.open("wb", _BUFFER_BYTES)) for split, path in paths.items()}
            )
        for split, path in paths.items():
            output.publish(path, names[split])


def frame_records(records: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the bytes of records in a TFRecord file, in parts, so that nothing is copied.

    Each record has its length, the length's masked CRC, the data and the data's masked CRC.
    https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
    """
    for record in records:
        yield _frame_header(len(record))
        yield record
        yield _pack_crc(masked_crc32c(record))


def frame_together(records: pa.BinaryArray) -> memoryview:
    """Return the bytes of n records in a TFRecord file, as of `frame_records`, n at least 1."""
    headers = by_length(lengths_of(records), _frame_header)
    checksums = np.fromiter(map(google_crc32c.value, records.to_pylist()), np.uint32, len(records))
    masked = (checksums >> 15 | checksums << 17) + np.uint32(_MASK_DELTA)
    footers = equal_parts(masked.astype("<u4").view(np.uint8).reshape(-1, 4))
    framed = joined(headers, records, footers)
    _, offsets, content = framed.buffers()
    end = np.frombuffer(offsets, np.int32)[len(records)]
    return memoryview(content).cast("B")[:end]


def masked_crc32c(data: bytes) -> int:
    """Return the CRC32C, rotated and shifted so that CRCs of data that holds CRCs stay sound."""
    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


@functools.lru_cache(maxsize=4096)
def _frame_header(length: int) -> bytes:
    """Return the length and its CRC; the rows of a table have few lengths."""
    packed = struct.pack("<Q", length)
    return packed + _pack_crc(masked_crc32c(packed))
