"""A CSV file without a header, of image URI and label."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from contract.mount import SCHEME
from preprocessing.errors import SourceError
from preprocessing.images.raw_files import RawFile
from preprocessing.rejections import Rejected
from preprocessing.sources import Listed, Part, batches
from preprocessing.stores import Store, UnreadableError, open_store

_STAT_THREADS = 32


@dataclass(frozen=True)
class CsvFile:
    """Lines of `URI,label`; a URI that is no `gs://` and no absolute path is relative to the CSV file.

    Attributes:
        uri: a file or a `gs://` object.
    """

    uri: str

    def parts(self) -> Iterator[Part]:
        """A thousand rows each; empty lines are skipped."""
        try:
            text = open_store(self.uri).read(self.uri).decode("utf-8-sig")
        except UnreadableError as error:
            raise SourceError(f"source {self.uri}: {error}") from error
        except UnicodeDecodeError as error:
            raise SourceError(f"source {self.uri}: expected UTF-8 text, {error}") from error
        reader = csv.reader(text.splitlines(), skipinitialspace=True)
        rows = ((reader.line_num, tuple(row)) for row in reader if row)
        empty = True
        for batch in batches(rows):
            empty = False
            yield CsvRows(csv_uri=self.uri, rows=batch)
        if empty:
            raise SourceError(f"source {self.uri}: expected lines of URI,label, found none")


@dataclass(frozen=True, kw_only=True)
class CsvRows:
    """Some rows, each with the number of its line."""

    csv_uri: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def listed(self) -> Iterator[Listed]:
        """The files that the rows name, with their sizes."""
        with ThreadPoolExecutor(_STAT_THREADS, thread_name_prefix="stat") as pool:
            found = list(pool.map(lambda row: self._find(*row), self.rows))
        yield Listed(
            pieces=tuple(item for item in found if isinstance(item, RawFile)),
            rejected=tuple(item for item in found if isinstance(item, Rejected)),
        )

    def _find(self, line: int, row: tuple[str, ...]) -> RawFile | Rejected:
        if len(row) != 2 or not all(row):
            return Rejected(
                f"{self.csv_uri}:{line}", "unreadable", f"expected URI,label, received {','.join(row)!r}"
            )
        name, label = row[0], row[1].strip()
        uri = name if name.startswith(SCHEME) else posixpath.join(posixpath.dirname(self.csv_uri), name)
        store: Store = open_store(uri)
        try:
            return RawFile(uri, name, label, store.size(uri))
        except UnreadableError as error:
            return Rejected(uri, "unreadable", str(error))
