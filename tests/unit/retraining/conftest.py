"""A bucket in memory in place of Cloud Storage."""

import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import pytest

from contract.validation import JsonFile, JsonLine
from retraining.google.storage import RawObject


@pytest.fixture(autouse=True)
def tensorboard_for_one_test() -> Iterator[None]:
    """Forget TensorBoard as the pages import it, without TensorFlow, which tests of the trainer need."""
    yield
    if "tensorboard.compat.notf" in sys.modules:
        for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
            del sys.modules[name]


class Bucket:
    """Methods of `Storage` that the readers call."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, folder: str, artifact: JsonFile | Sequence[JsonLine]) -> None:
        """Write an artifact under its own name."""
        if isinstance(artifact, JsonFile):
            self.objects[folder + artifact.FILENAME] = artifact.to_text().encode()
        else:
            lines = "".join(line.to_line() for line in artifact)
            self.objects[folder + artifact[0].FILENAME] = lines.encode()

    def read_text(self, uri: str) -> str:
        return self.read_bytes(uri).decode()

    def read_bytes(self, uri: str, *, first: int | None = None) -> bytes:
        if uri not in self.objects:
            raise FileNotFoundError(f"{uri} does not exist")
        return self.objects[uri][:first]

    def exists(self, uri: str) -> bool:
        return uri in self.objects

    def list(self, folder: str) -> list[RawObject]:
        return [
            RawObject(name=uri.removeprefix(folder), size=len(content), crc32c="")
            for uri, content in self.objects.items()
            if uri.startswith(folder)
        ]

    def matching(self, folder: str, pattern: str) -> Sequence[str]:
        depth = pattern.count("/")
        names = [found.name for found in self.list(folder)]
        return [name for name in names if name.count("/") == depth and fnmatchcase(name, pattern)]


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()
