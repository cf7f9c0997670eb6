"""Where rows come from: one CSV file, or a folder of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from contract import DataContract
from preprocessing.errors import SourceError
from preprocessing.sources import BROKEN_LINK, Leftovers, Listed, Part
from preprocessing.stores import UnreadableError, open_store
from preprocessing.tables.files import TablePart

_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".data", ".txt")
"""What a source ends in that is one file and no folder."""

_DOCUMENTS = frozenset(
    f"{stem}{suffix}"
    for stem in ("readme", "license", "licence")
    for suffix in ("", ".html", ".md", ".pdf", ".rst", ".txt")
)
"""Names, in lower case, of the files that describe data; `license_plates.csv` is data."""

_OTHER_FORMATS = (".json", ".md")


@dataclass(frozen=True)
class Tables:
    """CSV files in the order of their names.

    Every visible file of a folder is data, however deep it lies, but for what goes with data: a README or a
    LICENSE (`_DOCUMENTS`), `*.json` and `*.md`.

    Attributes:
        uri: a file, a folder or a `gs://` prefix, without a slash at the end.
        contract: which columns there must be.
    """

    uri: str
    contract: DataContract

    def parts(self) -> Iterator[Part]:
        """One for each file, and one for what is no data.

        Raises:
            SourceError: there is no file, or one is a link to none.
        """
        if self.uri.lower().endswith(_ENDINGS):
            yield from self._one_file()
            return
        entries = sorted(
            open_store(self.uri).files(self.uri, recursive=True), key=lambda entry: entry.name.encode()
        )
        data = [entry for entry in entries if _is_data(entry.name)]
        if not data:
            raise SourceError(f"source {self.uri}: expected CSV files, found none")
        total = sum(entry.size or 0 for entry in data)
        before = 0
        for entry in data:
            uri = f"{self.uri}/{entry.name}"
            if entry.size is None:
                raise SourceError(f"source {uri}: {BROKEN_LINK}")
            yield TablePart(
                uri=uri, name=entry.name, size=entry.size,
                bytes_before=before, total_bytes=total, contract=self.contract,
            )  # fmt: skip
            before += entry.size
        yield Leftovers(Listed(ignored=len(entries) - len(data)))

    def _one_file(self) -> Iterator[Part]:
        try:
            size = open_store(self.uri).size(self.uri)
        except UnreadableError as error:
            raise SourceError(f"source {self.uri}: {error}") from error
        name = self.uri.rsplit("/", 1)[-1]
        yield TablePart(
            uri=self.uri, name=name, size=size, bytes_before=0, total_bytes=size, contract=self.contract
        )


def _is_data(name: str) -> bool:
    if any(part.startswith(".") for part in name.split("/")):
        return False
    last = name.rsplit("/", 1)[-1].lower()
    return last not in _DOCUMENTS and not last.endswith(_OTHER_FORMATS)
