"""Sources of images: a folder with a folder per label, or an image list (a CSV file of URI and label)."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from contract import DataContract
from contract.artifacts import RejectedRecord
from contract.naming import SCHEME
from contract.raw_data import COPIES, NO_LABEL_FOLDER, IgnoredFile, copied_name, ignored_reason
from contract.values import normal_text
from preprocessing.errors import SourceError
from preprocessing.images import RawImage
from preprocessing.sources import BROKEN_LINK, FileBatch, Source, SourcePartition, in_batches
from preprocessing.stores import UnreadableError, open_store

_STAT_THREADS = 32


def image_source(uri: str, contract: DataContract) -> Source:
    """Return the source at a path or `gs://` URI: an image list if it is one `.csv`, else a folder."""
    if uri.lower().endswith(".csv"):
        return ImageList(uri)
    return LabelFolders(uri.rstrip("/"), contract)


@dataclass(frozen=True)
class LabelFolders:
    """A folder in which every folder is a label; the files in it, however deep, have that label.

    Where the contract has patterns of folders that are no labels, `test/*` for instance, the source is
    divided by them: `train/<label>/...` and `test/<label>/...`. The snapshot of an image list, with copies of
    the files that it names, is read as the list.

    Attributes:
        uri: a folder or a `gs://` prefix, without a slash at the end.
        contract: of the dataset.
    """

    uri: str
    contract: DataContract

    def partitions(self) -> Iterator[SourcePartition]:
        """Yield one for each label folder, and one for the files beside them.

        Raises:
            SourceError: there is no folder.
        """
        folders = open_store(self.uri).folders(self.uri)
        if not folders:
            raise SourceError(f"source {self.uri}: expected a folder for each label, found none")
        if folders == [COPIES]:
            files = open_store(self.uri).files(self.uri, recursive=False)
            for name in (entry.name for entry in files if entry.name.lower().endswith(".csv")):
                yield from ImageList(f"{self.uri}/{name}", copies=self.uri).partitions()
            return
        beside = [self.uri]
        for folder in folders:
            uri = f"{self.uri}/{folder}"
            if self._is_division(folder):
                beside.append(uri)
                for label in open_store(uri).folders(uri):
                    yield LabelFolder(root=self.uri, path=f"{folder}/{label}", contract=self.contract)
            else:
                yield LabelFolder(root=self.uri, path=folder, contract=self.contract)
        for uri in beside:
            yield UnlabelledFiles(root=self.uri, uri=uri, contract=self.contract)

    def _is_division(self, folder: str) -> bool:
        split, labels = self.contract.split, self.contract.label.vocabulary
        patterns = (*split.test_files, *split.validation_files, *self.contract.files)
        named = {pattern.partition("/")[0] for pattern in patterns if "/" in pattern}
        return normal_text(folder) not in labels and bool(named - set(labels))


@dataclass(frozen=True, kw_only=True)
class LabelFolder:
    """The files of one label.

    Attributes:
        root: URI of the source.
        path: of the folder in it; its last part is the label.
        contract: of the dataset.
    """

    root: str
    path: str
    contract: DataContract

    def list_batches(self) -> Iterator[FileBatch]:
        """Yield all files; those that are no raw data are ignored (`contract.raw_data`)."""
        uri, label = f"{self.root}/{self.path}", normal_text(self.path.rpartition("/")[2])
        for batch in in_batches(open_store(uri).files(uri, recursive=True)):
            visible, ignored = [], []
            for entry in batch:
                reason = ignored_reason(f"{self.path}/{entry.name}", self.contract)
                if reason is None:
                    visible.append(entry)
                else:
                    ignored.append(IgnoredFile(f"{uri}/{entry.name}", reason))
            yield FileBatch(
                chunks=tuple(
                    RawImage(f"{uri}/{entry.name}", f"{self.path}/{entry.name}", label, entry.size)
                    for entry in visible
                    if entry.size is not None
                ),
                rejected=tuple(
                    RejectedRecord(f"{uri}/{entry.name}", "unreadable", BROKEN_LINK)
                    for entry in visible
                    if entry.size is None
                ),
                ignored=tuple(ignored),
            )


@dataclass(frozen=True, kw_only=True)
class UnlabelledFiles:
    """The files beside label folders, which are ignored.

    Attributes:
        root: URI of the source.
        uri: URI of the folder that holds them.
        contract: of the dataset.
    """

    root: str
    uri: str
    contract: DataContract

    def list_batches(self) -> Iterator[FileBatch]:
        """Yield them."""
        found = []
        for entry in open_store(self.uri).files(self.uri, recursive=False):
            uri = f"{self.uri}/{entry.name}"
            reason = ignored_reason(uri.removeprefix(f"{self.root}/"), self.contract)
            found.append(IgnoredFile(uri, reason or NO_LABEL_FOLDER))
        yield FileBatch(ignored=tuple(found))


@dataclass(frozen=True)
class ImageList:
    """Lines of `URI,label`; a URI that is no `gs://` and no absolute path is relative to the list.

    Attributes:
        uri: a CSV file without a header, or such a `gs://` object.
        copies: URI of the snapshot that has the files, too (`contract.raw_data.copied_name`); empty for the
            files themselves.
    """

    uri: str
    copies: str = ""

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
            yield ImageListRows(list_uri=self.uri, copies=self.copies, rows=batch)
        if empty:
            raise SourceError(f"source {self.uri}: expected lines of URI,label, found none")


@dataclass(frozen=True, kw_only=True)
class ImageListRows:
    """Some rows of an image list.

    Attributes:
        list_uri: URI of the list.
        copies: URI of the snapshot, as of `ImageList`.
        rows: line number and values of each.
    """

    list_uri: str
    copies: str
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
        if self.copies:
            uri = f"{self.copies}/{copied_name(name)}"
        try:
            return RawImage(uri, name, label, open_store(uri).size(uri))
        except UnreadableError as error:
            return RejectedRecord(uri, "unreadable", str(error))
