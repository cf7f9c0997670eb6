"""An image list as a source: a CSV file of URI and label, and the files that it names, wherever they lie."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contract.naming import SCHEME
from contract.raw_data import copied_name
from retraining.errors import ConfigurationError
from retraining.google import STORAGE_CONNECTIONS
from retraining.google.storage import ContentChangedError, RawObject, Storage
from retraining.source import Source, describe_file

_THREADS = STORAGE_CONNECTIONS // 2


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
        text = storage.read_bytes(location) if location.startswith(SCHEME) else Path(location).read_bytes()
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
            place = name if name.startswith(SCHEME) else posixpath.normpath(posixpath.join(folder, name))
            if folder.startswith(SCHEME) and not name.startswith((SCHEME, "/")):
                place = f"{folder}/{name}"
            check(place)
            copy = copied_name(name)
            if self._places.setdefault(copy, place) != place:
                raise ConfigurationError(
                    f"source {location}: expected names that differ as {copy}, received {name!r} and another"
                )
        self._sizes = self._find_sizes()
        self.names = sorted(self._sizes)
        self.ignored = {}

    def sizes(self, chosen: Collection[str]) -> dict[str, int]:
        """Return the sizes of the chosen files, in bytes; no file is opened."""
        return {name: self._sizes[name] for name in chosen}

    def describe(self, chosen: Collection[str]) -> list[RawObject]:
        """Return the chosen files with their sizes and checksums."""
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="describe") as pool:
            return list(pool.map(self._describe, sorted(chosen)))

    def bring(self, item: RawObject, uri: str, *, replaced: int = 0) -> None:
        """Upload or copy a file."""
        place = self._places[item.name]
        if place.startswith(SCHEME):
            self._storage.copy(place, uri, generation=item.generation, replaced=replaced)
        else:
            self._storage.upload(place, uri, crc32c=item.crc32c, replaced=replaced)

    def _describe(self, name: str) -> RawObject:
        place = self._places[name]
        found = self._storage.describe(place, name) if place.startswith(SCHEME) else None
        if found is None and place.startswith(SCHEME):
            raise ContentChangedError(f"{place}: deleted before it was copied")
        return found or describe_file(Path(place), name)

    def _find_sizes(self) -> dict[str, int]:
        def size(item: tuple[str, str]) -> tuple[str, int | None]:
            name, place = item
            if place.startswith(SCHEME):
                found = self._storage.describe(place, name)
                return name, None if found is None else found.size
            return name, Path(place).stat().st_size if Path(place).is_file() else None

        with ThreadPoolExecutor(_THREADS, thread_name_prefix="stat") as pool:
            return {name: found for name, found in pool.map(size, self._places.items()) if found is not None}


def is_image_list(location: str) -> bool:
    """Return True if a location is that of an image list, by its name."""
    return location.rstrip("/").lower().endswith(".csv")
