from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.state import State
from emulator.storage.buckets import BucketStore
from emulator.storage.checksums import Checksums
from emulator.storage.generations import NoncurrentVersions, ObjectIndex
from emulator.storage.metadata import ObjectMetadata, StoredObject
from emulator.storage.preconditions import Preconditions
from emulator.storage.store import ObjectStore


class Store(ObjectStore):
    """A store with one bucket, and a short way to put an object into it."""

    def put(self, name: str, content: bytes = b"", **conditions: int) -> StoredObject:
        path = self.new_file()
        path.write_bytes(content)
        checksums = Checksums()
        checksums.update(content)
        return self.commit(
            path, "bkt", name, digests=checksums.digests(), metadata=ObjectMetadata(),
            conditions=Preconditions(**conditions),
        )  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "objects.sqlite")
    yield state
    state.close()


@pytest.fixture
def buckets(tmp_path: Path, state: State) -> BucketStore:
    (tmp_path / "buckets").mkdir()
    return BucketStore(tmp_path / "buckets", state)


@pytest.fixture
def store(tmp_path: Path, state: State, buckets: BucketStore) -> Store:
    for name in ("temporary", "versions", "folders"):
        (tmp_path / name).mkdir()
    buckets.insert("bkt", {})
    return Store(
        buckets, ObjectIndex(state), NoncurrentVersions(state, tmp_path / "versions"),
        folders=tmp_path / "folders", temporary=tmp_path / "temporary",
    )  # fmt: skip


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> Path:
    """The bucket's folder."""
    return tmp_path / "buckets" / "bkt"
