"""Sources of images: a folder with a folder per label, or an image list (a CSV file of URI and label)."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from contract.artifacts import RejectedRecord
from contract.naming import SCHEME
from contract.raw_data import ignored_reason
from contract.values import normal_text
from preprocessing.errors import SourceError
from preprocessing.images import RawImage
from preprocessing.sources import BROKEN_LINK, FileBatch, Source, SourcePartition, in_batches
from preprocessing.stores import UnreadableError, open_store

_STAT_THREADS = 32


def image_source(uri: str) -> Source:
    """Return the source at a path or `gs://` URI: an image list if it ends in `.csv`, else a folder."""
    return ImageList(uri) if uri.lower().endswith(".csv") else LabelFolders(uri.rstrip("/"))


@dataclass(frozen=True)
class LabelFolders:
    """A folder in which every folder is a label; the files in it, however deep, have that label.

    Attributes:
        uri: a folder or a `gs://` prefix, without a slash at the end.
    """

    uri: str

    def partitions(self) -> Iterator[SourcePartition]:
        """Yield one for each label, and one for the files beside the label folders."""
        labels = open_store(self.uri).folders(self.uri)
        if not labels:
            raise SourceError(f"source {self.uri}: expected a folder for each label, found none")
        for label in labels:
            if not ignored_reason(label):
                yield LabelFolder(root=self.uri, label=label)
        yield UnlabelledFiles(self.uri)


@dataclass(frozen=True, kw_only=True)
class LabelFolder:
    """The files of one label.

    Attributes:
        root: URI of the source.
        label: name of the folder.
    """

    root: str
    label: str

    def list_batches(self) -> Iterator[FileBatch]:
        """Yield all files; those that are no raw data are ignored (`contract.raw_data`)."""
        uri, label = f"{self.root}/{self.label}", normal_text(self.label)
        for batch in in_batches(open_store(uri).files(uri, recursive=True)):
            visible = [entry for entry in batch if not ignored_reason(entry.name)]
            yield FileBatch(
                chunks=tuple(
                    RawImage(f"{uri}/{entry.name}", f"{self.label}/{entry.name}", label, entry.size)
                    for entry in visible
                    if entry.size is not None
                ),
                rejected=tuple(
                    RejectedRecord(f"{uri}/{entry.name}", "unreadable", BROKEN_LINK)
                    for entry in visible
                    if entry.size is None
                ),
                ignored=len(batch) - len(visible),
            )


@dataclass(frozen=True)
class UnlabelledFiles:
    """The files beside the label folders, which are ignored.

    Attributes:
        root: URI of the source.
    """

    root: str

    def list_batches(self) -> Iterator[FileBatch]:
        """Yield their number."""
        yield FileBatch(ignored=sum(1 for _ in open_store(self.root).files(self.root, recursive=False)))


@dataclass(frozen=True)
class ImageList:
    """Lines of `URI,label`; a URI that is no `gs://` and no absolute path is relative to the list.

    Attributes:
        uri: a CSV file without a header, or such a `gs://` object.
    """

    uri: str

    def partitions(self) -> Iterator[SourcePartition]:
        """Yield partitions of a thousand rows each; empty lines are skipped."""
        try:
            text = open_store(self.uri).read(self.uri).decode("utf-8-sig")
        except UnreadableError as error:
            raise SourceError(f"source {self.uri}: {error}") from error
        except UnicodeDecodeError as error:
            raise SourceError(f"source {self.uri}: expected UTF-8 text, {error}") from error
        reader = csv.reader(text.splitlines(), skipinitialspace=True)
        rows = ((reader.line_num, tuple(row)) for row in reader if row)
        empty = True
        for batch in in_batches(rows):
            empty = False
            yield ImageListRows(list_uri=self.uri, rows=batch)
        if empty:
            raise SourceError(f"source {self.uri}: expected lines of URI,label, found none")


@dataclass(frozen=True, kw_only=True)
class ImageListRows:
    """Some rows of an image list.

    Attributes:
        list_uri: URI of the list.
        rows: line number and values of each.
    """

    list_uri: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def list_batches(self) -> Iterator[FileBatch]:
        """Yield the files that the rows name, with their sizes."""
        with ThreadPoolExecutor(_STAT_THREADS, thread_name_prefix="stat") as pool:
            found = list(pool.map(lambda row: self._find(*row), self.rows))
        yield FileBatch(
            chunks=tuple(item for item in found if isinstance(item, RawImage)),
            rejected=tuple(item for item in found if isinstance(item, RejectedRecord)),
        )

    def _find(self, line: int, row: tuple[str, ...]) -> RawImage | RejectedRecord:
        if len(row) != 2 or not all(row):
            return RejectedRecord(
                f"{self.list_uri}:{line}", "unreadable", f"expected URI,label, received {','.join(row)!r}"
            )
        name, label = row[0], normal_text(row[1])
        uri = name if name.startswith(SCHEME) else posixpath.join(posixpath.dirname(self.list_uri), name)
        try:
            return RawImage(uri, name, label, open_store(uri).size(uri))
        except UnreadableError as error:
            return RejectedRecord(uri, "unreadable", str(error))
