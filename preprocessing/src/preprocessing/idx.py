"""The IDX files of MNIST and its kind to records with the ImageNet keys, as lossless PNGs.

A folder holds files of images and files of labels beside them: big-endian sizes, then bytes.
https://web.archive.org/web/2023/http://yann.lecun.com/exdb/mnist/ ("File formats for the MNIST database")
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from contract import DataContract
from contract.artifacts import RejectedRecord
from contract.raw_data import OTHER_FORMAT, REPEATED, IgnoredFile, ignored_reason
from preprocessing.conversion_stats import ShardStats
from preprocessing.errors import SourceError
from preprocessing.example_serialization import ExampleEncoder, Value, check_features
from preprocessing.images import ImageStats
from preprocessing.output import ShardFiles
from preprocessing.sources import (
    FileBatch,
    NonDataFiles,
    RawStream,
    Source,
    SourcePartition,
    in_batches,
    open_raw,
    shard_at,
    source_position,
)
from preprocessing.stores import Entry, open_store

FEATURES = (
    "image/encoded", "image/filename", "image/height", "image/width",
    "image/channels", "image/colorspace", "image/format",
)  # fmt: skip
"""Features that an image has a value for, apart from the label."""

_UNSIGNED_BYTE = 0x08
_IMAGE_DIMENSIONS, _LABEL_DIMENSIONS = 3, 1
_NAME = re.compile(r"(?P<stem>.+)-(?P<kind>images-idx3|labels-idx1)-ubyte(\.gz)?")

_SLICE_IMAGES = 10_000
_MOST_SLICES = 1000
_BLOCK_BYTES = 1 << 20
_COMPRESSION = 6


@dataclass(frozen=True)
class IdxFormat:
    """A folder with files of images and of labels: a record for each image."""

    shard_bytes: int = 16 << 20
    unit: str = "images"

    def check(self, contract: DataContract) -> None:
        """Refuse features that such an image does not have.

        Raises:
            ContractError: there is one, or the label has no vocabulary.
        """
        check_features(contract, names=FEATURES)

    def source(self, uri: str, contract: DataContract) -> Source:
        """Return the files in a folder or below a `gs://` prefix."""
        return IdxFolder(uri.rstrip("/"), contract)

    def write_records(
        self,
        chunks: Sequence[IdxSlice],
        files: ShardFiles,
        *,
        contract: DataContract,
        source: Source,  # noqa: ARG002 - each slice knows its files
        num_shards: int,  # noqa: ARG002 - a slice's images depend on no other shard
    ) -> ShardStats:
        """Write the images of a shard in the order of file names and images."""
        stats = ShardStats(features=ImageStats())
        encoder = ExampleEncoder(contract.features)
        for chunk in sorted(chunks, key=lambda chunk: (chunk.name, chunk.first)):
            _write_slice(chunk, files, contract=contract, encoder=encoder, stats=stats)
        return stats

    def merge_statistics(self, shards: Sequence[ImageStats]) -> dict[str, Any]:
        """Return the image sizes of all shards."""
        return ImageStats.merge(shards)


@dataclass(frozen=True, kw_only=True)
class IdxSlice:
    """Some of the images of a file.

    Attributes:
        uri: URI of the file of images.
        labels_uri: URI of the file of their labels.
        name: name of the file of images in the source, without `.gz`.
        first: index of the first image.
        count: number of images.
        size: their share of the file of images, bytes.
        position: position in the source (`source_position`).
    """

    uri: str
    labels_uri: str
    name: str
    first: int
    count: int
    size: int
    position: int

    def shard_of(self, num_shards: int) -> int:
        """Return the index of its shard: shards divide the source in the order of names and images."""
        return shard_at(self.position, num_shards)


@dataclass(frozen=True)
class IdxFolder:
    """Pairs of `*-images-idx3-ubyte` and `*-labels-idx1-ubyte`, each with or without `.gz`.

    Attributes:
        uri: a folder or a `gs://` prefix, without a slash at the end.
        contract: of the dataset.
    """

    uri: str
    contract: DataContract

    def partitions(self) -> Iterator[SourcePartition]:
        """Yield one for each pair, and one for the files that are no data.

        Raises:
            SourceError: there is no pair, or a file has no partner: an unknown number of records would be
                lost, and be counted as one.
        """
        entries = sorted(open_store(self.uri).files(self.uri, recursive=True), key=lambda entry: entry.name)
        files: dict[str, dict[str, Entry]] = {}
        ignored: list[IgnoredFile] = []
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            reason = ignored_reason(entry.name, self.contract)
            if match is None or reason:
                ignored.append(IgnoredFile(f"{self.uri}/{entry.name}", reason or OTHER_FORMAT))
                continue
            kinds = files.setdefault(match["stem"], {})
            if kinds.setdefault(match["kind"], entry) is not entry:
                ignored.append(IgnoredFile(f"{self.uri}/{entry.name}", REPEATED))
        if not files:
            raise SourceError(
                f"source {self.uri}: expected files *-images-idx3-ubyte and *-labels-idx1-ubyte, found none"
            )
        for kinds in files.values():
            for kind, entry in kinds.items():
                if len(kinds) == 1:
                    other = "labels-idx1" if kind == "images-idx3" else "images-idx3"
                    uri = f"{self.uri}/{entry.name}"
                    raise SourceError(f"source {uri}: expected {other}-ubyte of this name, found none")
        pairs = [kinds for kinds in files.values() if len(kinds) == 2]
        total, before = sum(kinds["images-idx3"].size or 0 for kinds in pairs), 0
        for kinds in pairs:
            images = kinds["images-idx3"]
            yield IdxPair(
                folder=self.uri,
                images=images,
                labels=kinds["labels-idx1"].name,
                bytes_before=before,
                total_bytes=total,
            )
            before += images.size or 0
        yield NonDataFiles(FileBatch(ignored=tuple(ignored)))


@dataclass(frozen=True, kw_only=True)
class IdxPair:
    """A file of images, and the file of their labels.

    Attributes:
        folder: URI of the folder of both.
        images: name and size of the file of images.
        labels: name of the file of labels.
        bytes_before: size of the files of images with smaller names.
        total_bytes: size of all files of images.
    """

    folder: str
    images: Entry
    labels: str
    bytes_before: int
    total_bytes: int

    def list_batches(self) -> Iterator[FileBatch]:
        """Yield its images in slices.

        Raises:
            SourceError: one of the two can't be read, or is no such file.
        """
        uri, labels_uri = (f"{self.folder}/{name}" for name in (self.images.name, self.labels))
        counts = []
        for file, dimensions in ((uri, _IMAGE_DIMENSIONS), (labels_uri, _LABEL_DIMENSIONS)):
            with open_raw(file) as stream:
                counts.append(_read_shape(stream, dimensions=dimensions)[0])
        size = self.images.size or 0
        items = max(counts)
        slice_images = max(_SLICE_IMAGES, items // _MOST_SLICES)
        for batch in in_batches(range(0, items, slice_images)):
            yield FileBatch(chunks=tuple(
                IdxSlice(
                    uri=uri,
                    labels_uri=labels_uri,
                    name=self.images.name.removesuffix(".gz"),
                    first=first,
                    count=min(slice_images, items - first),
                    size=size * slice_images // items,
                    position=source_position(self.bytes_before + size * first // items, self.total_bytes),
                )
                for first in batch
            ))  # fmt: skip


def _write_slice(
    chunk: IdxSlice, files: ShardFiles, *, contract: DataContract, encoder: ExampleEncoder, stats: ShardStats
) -> None:
    known = frozenset(contract.label.vocabulary)
    of_file = contract.split.split_of_file(chunk.name)
    with open_raw(chunk.uri) as images, open_raw(chunk.labels_uri) as labels:
        image_count, height, width = _read_shape(images, dimensions=_IMAGE_DIMENSIONS)
        (label_count,) = _read_shape(labels, dimensions=_LABEL_DIMENSIONS)
        paired = max(0, min(min(image_count, label_count) - chunk.first, chunk.count))
        _reject_unpaired(stats, chunk, paired)
        _skip(images, chunk.first * height * width)
        _skip(labels, chunk.first)
        for index in range(chunk.first, chunk.first + paired):
            pixels = _read_exactly(images, height * width, f"image {index}")
            label = str(_read_exactly(labels, 1, f"label {index}")[0])
            stats.read += 1
            if label not in known:
                detail = f"label {label!r} is not in the contract"
                stats.rejected.add(RejectedRecord(f"{chunk.uri}:{index}", "unknown_label", detail))
                continue
            image = Image.frombytes("L", (width, height), pixels)
            filename = f"{chunk.name}:{index}"
            record = encoder.encode(
                record_values(image, label=label, label_name=contract.label.name, filename=filename)
            )
            split = of_file or contract.split.split_of(pixels)
            files.write(split, [record])
            stats.count_label(split, label)
            stats.features.add(height=height, width=width)
        if chunk.first + chunk.count >= max(image_count, label_count):
            _read_to_end(images)
            _read_to_end(labels)


def _reject_unpaired(stats: ShardStats, chunk: IdxSlice, paired: int) -> None:
    """Count the images of a slice after the paired ones; the URI names the first of them."""
    times = chunk.count - paired
    if times:
        stats.read += times
        detail = "the files of images and of labels differ in length"
        more = f" (and {times - 1} more after it)" if times > 1 else ""
        uri = f"{chunk.uri}:{chunk.first + paired}"
        stats.rejected.add(RejectedRecord(uri, "unpaired", detail + more), times=times)


def record_values(image: Image.Image, *, label: str, label_name: str, filename: str) -> dict[str, Value]:
    """Return the ImageNet keys and values of a grayscale image, stored without loss."""
    encoded = io.BytesIO()
    image.save(encoded, "PNG", compress_level=_COMPRESSION)
    return {
        "image/encoded": encoded.getvalue(),
        "image/height": image.height,
        "image/width": image.width,
        "image/filename": filename,
        "image/channels": 1,
        "image/colorspace": "Grayscale",
        "image/format": "PNG",
        label_name: label,
    }


def _read_shape(stream: RawStream, *, dimensions: int) -> tuple[int, ...]:
    """Read the header of a file of unsigned bytes: the shape of its data, the number of items first.

    Raises:
        SourceError: the file is no such file, or can't be read.
    """
    data = _read_exactly(stream, 4 + 4 * dimensions, "a header")
    zero, kind, found = struct.unpack_from(">HBB", data)
    if zero or kind != _UNSIGNED_BYTE or found != dimensions:
        raise stream.error(
            f"expected the magic number {_UNSIGNED_BYTE << 8 | dimensions:08x}, received {data[:4].hex()}"
        )
    return struct.unpack_from(f">{dimensions}I", data, 4)


def _skip(stream: RawStream, size: int) -> None:
    """Pass over bytes; compressed ones have to be read for it.

    Raises:
        SourceError: the file ends before, or can't be read.
    """
    while size:
        size -= len(_read_exactly(stream, min(size, _BLOCK_BYTES), "the images before"))


def _read_exactly(stream: RawStream, size: int, content: str) -> bytes:
    """Read as many bytes as asked for; `content` names them in errors.

    Raises:
        SourceError: the file ends before, or can't be read.
    """
    data = stream.read(size)
    while len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            raise stream.error(
                f"expected {size} bytes of {content}, received {len(data)}: the file is truncated"
            )
        data += more
    return data


def _read_to_end(stream: RawStream) -> None:
    """Read the rest, since gzip compares its checksum at the end.

    Raises:
        SourceError: the file can't be read to its end.
    """
    while stream.read(_BLOCK_BYTES):
        pass
