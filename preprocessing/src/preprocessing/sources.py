"""What the pipeline needs of a source of raw data, whatever its format."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from preprocessing.rejections import Rejected

BATCH_PIECES = 1000
"""How many pieces travel together."""

BROKEN_LINK = "link to a file that does not exist"
"""Why a file that a listing has no size of can't be read."""

_T = TypeVar("_T")


class Piece(Protocol):
    """Raw data that one call reads: an image, a span of a CSV file, some images of an IDX file."""

    @property
    def uri(self) -> str:
        """The file that it is in."""

    @property
    def size(self) -> int:
        """Bytes, as they are stored."""

    def shard_of(self, num_shards: int) -> int:
        """The shard that it belongs to, from 0; a function of the piece and the whole source alone."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A batch of what a source holds. Elements are batches because every element of a pipeline has a price.

    Attributes:
        pieces: what is to be converted.
        rejected: what can't even be read.
        ignored: how many files are no raw data: hidden ones, notes, images outside the label folders.
    """

    pieces: tuple[Piece, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    ignored: int = 0


class Part(Protocol):
    """A share of a source that one worker lists."""

    def listed(self) -> Iterator[Listed]:
        """Its pieces with their sizes, in batches.

        Raises:
            SourceError: it contradicts the contract as a whole.
        """


@dataclass(frozen=True)
class Leftovers:
    """The part of a source that holds no raw data: what was rejected or ignored while parts were made."""

    found: Listed

    def listed(self) -> Iterator[Listed]:
        """All of it."""
        yield self.found


class Source(Protocol):
    """Raw data."""

    @property
    def uri(self) -> str:
        """Where it is."""

    def parts(self) -> Iterator[Part]:
        """Shares that can be listed side by side.

        Raises:
            SourceError: there is no such source, or it holds nothing.
        """


def batches(items: Iterable[_T], size: int = BATCH_PIECES) -> Iterator[tuple[_T, ...]]:
    """The items in order, `size` at a time."""
    iterator = iter(items)
    while batch := tuple(itertools.islice(iterator, size)):
        yield batch


def is_hidden(name: str) -> bool:
    """Whether a file system hides it: `.DS_Store` and its kind are no raw data."""
    return name.rsplit("/", 1)[-1].startswith(".")


def dangling(uri: str) -> Rejected:
    """What becomes of a file whose size a listing can't tell."""
    return Rejected(uri, "unreadable", BROKEN_LINK)


def place_of(bytes_before: int, total_bytes: int) -> int:
    """Where a piece begins in its source, as 32 bits of a fraction: what `shard_at` divides by."""
    return (bytes_before << 32) // max(1, total_bytes)


def shard_at(place: int, num_shards: int) -> int:
    """The shard at a place, when shards divide a source evenly and in order."""
    return place * num_shards >> 32
