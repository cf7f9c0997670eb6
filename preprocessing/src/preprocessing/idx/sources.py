"""Where images in IDX files come from: a folder with files of images and files of labels beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from preprocessing.errors import SourceError
from preprocessing.idx.files import read_header
from preprocessing.raw_streams import open_raw
from preprocessing.rejections import Rejected
from preprocessing.sources import Leftovers, Listed, Part, batches, is_hidden, place_of, shard_at
from preprocessing.stores import Entry, open_store

IMAGE_DIMENSIONS, LABEL_DIMENSIONS = 3, 1

_SLICE_IMAGES = 10_000
_MOST_SLICES = 1000
_NAME = re.compile(r"(?P<stem>.+)-(?P<kind>images-idx3|labels-idx1)-ubyte(\.gz)?")


@dataclass(frozen=True, kw_only=True)
class IdxSlice:
    """Some of the images of a file.

    Attributes:
        uri: the file of images.
        labels_uri: the file of their labels.
        name: of the file of images, in the source, without `.gz`.
        first: the index of the first image.
        count: how many they are.
        size: their share of the file of images, bytes.
        place: where in the source they begin (`place_of`).
    """

    uri: str
    labels_uri: str
    name: str
    first: int
    count: int
    size: int
    place: int

    def shard_of(self, num_shards: int) -> int:
        """Shards divide the source in the order of names and images."""
        return shard_at(self.place, num_shards)


@dataclass(frozen=True, kw_only=True)
class IdxPair:
    """A file of images, and the file of their labels.

    Attributes:
        folder: where they are.
        images: the name of the one, and its bytes.
        labels: the name of the other.
        bytes_before: of the files of images with smaller names.
        total_bytes: of all files of images.
    """

    folder: str
    images: Entry
    labels: str
    bytes_before: int
    total_bytes: int

    def listed(self) -> Iterator[Listed]:
        """Its images in slices.

        Raises:
            SourceError: one of the two can't be read, or is no such file.
        """
        uri, labels_uri = (f"{self.folder}/{name}" for name in (self.images.name, self.labels))
        counts = []
        for file, dimensions in ((uri, IMAGE_DIMENSIONS), (labels_uri, LABEL_DIMENSIONS)):
            with open_raw(file) as stream:
                counts.append(read_header(stream, dimensions=dimensions).count)
        size = self.images.size or 0
        items = max(counts)
        slice_images = max(_SLICE_IMAGES, items // _MOST_SLICES)
        for batch in batches(range(0, items, slice_images)):
            yield Listed(pieces=tuple(
                IdxSlice(
                    uri=uri,
                    labels_uri=labels_uri,
                    name=self.images.name.removesuffix(".gz"),
                    first=first,
                    count=min(slice_images, items - first),
                    size=size * slice_images // items,
                    place=place_of(self.bytes_before + size * first // items, self.total_bytes),
                )
                for first in batch
            ))  # fmt: skip


@dataclass(frozen=True)
class IdxFolder:
    """Pairs of `*-images-idx3-ubyte` and `*-labels-idx1-ubyte`, each with or without `.gz`.

    Attributes:
        uri: a folder or a `gs://` prefix, without a slash at the end.
    """

    uri: str

    def parts(self) -> Iterator[Part]:
        """One for each pair, and one for files that have no partner."""
        entries = sorted(open_store(self.uri).files(self.uri, recursive=True), key=lambda entry: entry.name)
        files: dict[str, dict[str, Entry]] = {}
        rejected: list[Rejected] = []
        ignored = 0
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match is None or is_hidden(entry.name):
                ignored += 1
                continue
            kinds = files.setdefault(match["stem"], {})
            if kinds.setdefault(match["kind"], entry) is not entry:
                ignored += 1  # the same with and without .gz
        if not files:
            raise SourceError(
                f"source {self.uri}: expected files *-images-idx3-ubyte and *-labels-idx1-ubyte, found none"
            )
        pairs = []
        for kinds in files.values():
            if len(kinds) == 2:
                pairs.append((kinds["images-idx3"], kinds["labels-idx1"]))
            else:
                rejected += [self._unpaired(entry) for entry in kinds.values()]
        total, before = sum(images.size or 0 for images, _ in pairs), 0
        for images, labels in pairs:
            yield IdxPair(
                folder=self.uri, images=images, labels=labels.name, bytes_before=before, total_bytes=total
            )
            before += images.size or 0
        yield Leftovers(Listed(rejected=tuple(rejected), ignored=ignored))

    def _unpaired(self, entry: Entry) -> Rejected:
        return Rejected(
            f"{self.uri}/{entry.name}", "unpaired", "no file of images and of labels with this name"
        )
