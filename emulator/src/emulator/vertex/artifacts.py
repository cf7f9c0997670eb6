"""The folders of Cloud Storage that resources refer to."""

from __future__ import annotations

from pathlib import Path

from emulator.config import Config
from emulator.errors import InvalidArgument

SCHEME = "gs://"


class Artifacts:
    """Objects of the emulated Cloud Storage, as files."""

    def __init__(self, config: Config) -> None:
        self._buckets = config.buckets

    def path(self, uri: str, field: str) -> Path:
        """The file or folder of a `gs://` URI, whether it is there or not.

        Raises:
            InvalidArgument: it is no such URI.
        """
        path = (self._buckets / uri.removeprefix(SCHEME)).resolve()
        inside = path.is_relative_to(self._buckets.resolve()) and path != self._buckets.resolve()
        if not uri.startswith(SCHEME) or not inside:
            raise InvalidArgument(f"{field}: expected gs://BUCKET/..., received {uri!r}")
        return path

    def check_folder(self, uri: str, field: str) -> None:
        """Refuse a folder without objects.

        Raises:
            InvalidArgument: it is no `gs://` URI, or there is nothing below it.
        """
        path = self.path(uri, field)
        if not path.is_dir() or not any(path.iterdir()):
            raise InvalidArgument(f"{field}: expected a folder with objects, received {uri!r}")
