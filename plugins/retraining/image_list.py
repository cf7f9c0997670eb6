"""An image list as a source: a CSV file of URI and label, and the files that it names, wherever they lie."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contract.raw_data import copied_name
from retraining.errors import ConfigurationError
from retraining.google import STORAGE_CONNECTIONS
from retraining.google.storage import RawObject, Storage
from retraining.source import Source, describe_file


class ImageList(Source):
    """Lines of `URI,label`, as of `preprocessing.images.sources`: the list and the files, with their labels.

    A name that is no `gs://` URI and no absolute path is relative to the list. A file that does not exist is
    left out, and its line rejected by the conversion.

    Args:
        location: the list, a path or a `gs://` URI.
        storage: where objects are read, and made.
        check: refuses a file that the run may not name.

    Raises:
        ConfigurationError: it is no UTF-8 text, or names no file.
    """

    def __init__(self, location: str, storage: Storage, *, check: Callable[[str], None]) -> None:
        self.location = location
        self._storage = storage
        self._list = location.rpartition("/")[2]
        folder = posixpath.dirname(location)
        text = storage.read_bytes(location) if location.startswith("gs://") else Path(location).read_bytes()
        try:
            rows = [
                row for row in csv.reader(text.decode("utf-8-sig").splitlines(), skipinitialspace=True) if row
            ]
        except (UnicodeDecodeError, csv.Error) as error:
            raise ConfigurationError(
                f"source {location}: expected lines of URI,label, received {error}"
            ) from error
        written = {row[0] for row in rows if len(row) == 2 and row[0]}
        if not written:
            raise ConfigurationError(f"source {location}: expected lines of URI,label, received none")
        self._places = {self._list: location}
        for name in sorted(written):
            place = name if name.startswith("gs://") else posixpath.normpath(posixpath.join(folder, name))
            if folder.startswith("gs://") and not name.startswith(("gs://", "/")):
                place = f"{folder}/{name}"
            check(place)
            self._places[copied_name(name)] = place
        self._described: dict[str, RawObject] = {}
        self._describe_all()
        self.names = sorted(self._described)
        self.ignored = {}

    def sizes(self, chosen: Collection[str]) -> dict[str, int]:
        """Return the sizes of the chosen files, in bytes."""
        return {name: self._described[name].size for name in chosen}

    def describe(self, chosen: Collection[str]) -> list[RawObject]:
        """Return the chosen files with their sizes and checksums."""
        return [self._described[name] for name in sorted(chosen)]

    def bring(self, item: RawObject, uri: str, *, replaced: int = 0) -> None:
        """Upload or copy a file."""
        place = self._places[item.name]
        if place.startswith("gs://"):
            self._storage.copy(place, uri, generation=item.generation, replaced=replaced)
        else:
            self._storage.upload(place, uri, crc32c=item.crc32c, replaced=replaced)

    def _describe_all(self) -> None:
        def describe(item: tuple[str, str]) -> RawObject | None:
            name, place = item
            if place.startswith("gs://"):
                return self._storage.describe(place, name)
            return describe_file(Path(place), name) if Path(place).is_file() else None

        with ThreadPoolExecutor(STORAGE_CONNECTIONS // 2, thread_name_prefix="describe") as pool:
            found = pool.map(describe, self._places.items())
            self._described = {item.name: item for item in found if item is not None}


def is_image_list(location: str) -> bool:
    """Return True if a location is that of an image list, by its name."""
    return location.rstrip("/").lower().endswith(".csv")
