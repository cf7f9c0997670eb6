"""What the pipeline needs of a source."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from preprocessing.raw_files import Listed

BATCH_FILES = 1000
"""How many files travel together."""

_T = TypeVar("_T")


class Part(Protocol):
    """A share of a source that one worker lists."""

    def listed(self) -> Iterator[Listed]:
        """Its files with their sizes, in batches."""


class Source(Protocol):
    """Raw data with labels."""

    @property
    def uri(self) -> str:
        """Where it is."""

    def parts(self) -> Iterator[Part]:
        """Shares that can be listed side by side.

        Raises:
            SourceError: there is no such source, or it holds nothing.
        """


def batches(items: Iterable[_T], size: int = BATCH_FILES) -> Iterator[tuple[_T, ...]]:
    """The items in order, `size` at a time."""
    iterator = iter(items)
    while batch := tuple(itertools.islice(iterator, size)):
        yield batch
