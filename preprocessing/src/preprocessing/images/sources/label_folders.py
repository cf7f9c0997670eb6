"""A folder with a folder per label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from preprocessing.errors import SourceError
from preprocessing.images.raw_files import RawFile
from preprocessing.sources import Listed, Part, batches, dangling, is_hidden
from preprocessing.stores import open_store


@dataclass(frozen=True)
class LabelFolders:
    """Every folder is a label; the files in it, however deep, have that label.

    Attributes:
        uri: a folder or a `gs://` prefix, without a slash at the end.
    """

    uri: str

    def parts(self) -> Iterator[Part]:
        """One for each label, and one for the files beside the label folders."""
        labels = open_store(self.uri).folders(self.uri)
        if not labels:
            raise SourceError(f"source {self.uri}: expected a folder for each label, found none")
        for label in labels:
            if not is_hidden(label):
                yield LabelFolder(root=self.uri, label=label)
        yield StrayFiles(self.uri)


@dataclass(frozen=True, kw_only=True)
class LabelFolder:
    """The files of one label."""

    root: str
    label: str

    def listed(self) -> Iterator[Listed]:
        """All of them, hidden ones only counted."""
        uri = f"{self.root}/{self.label}"
        for batch in batches(open_store(uri).files(uri, recursive=True)):
            visible = [entry for entry in batch if not is_hidden(entry.name)]
            yield Listed(
                pieces=tuple(
                    RawFile(f"{uri}/{entry.name}", f"{self.label}/{entry.name}", self.label, entry.size)
                    for entry in visible
                    if entry.size is not None
                ),
                rejected=tuple(dangling(f"{uri}/{entry.name}") for entry in visible if entry.size is None),
                ignored=len(batch) - len(visible),
            )


@dataclass(frozen=True)
class StrayFiles:
    """The files beside the label folders: no label, so they are only counted."""

    root: str

    def listed(self) -> Iterator[Listed]:
        """Their number."""
        yield Listed(ignored=sum(1 for _ in open_store(self.root).files(self.root, recursive=False)))
