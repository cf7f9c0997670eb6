"""A raw file that is to become a record, as it travels between the steps."""

from __future__ import annotations

from dataclasses import dataclass

from preprocessing.rejections import Rejected


@dataclass(frozen=True)
class RawFile:
    """A labelled file that has not been read yet.

    Attributes:
        uri: where it is read.
        name: its path in the source; goes into the record.
        label: the label that its folder or its CSV line gives it.
        size: bytes.
    """

    uri: str
    name: str
    label: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A batch of what a source holds. Elements are batches because every element of a pipeline has a price.

    Attributes:
        files: what is to be converted.
        rejected: what can't even be read.
        ignored: how many files have no label because they are outside the label folders, or are hidden.
    """

    files: tuple[RawFile, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    ignored: int = 0
