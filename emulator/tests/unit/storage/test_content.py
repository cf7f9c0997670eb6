import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import ClientDisconnect

from emulator.errors import InvalidArgument, NotFound, PreconditionFailed
from emulator.storage.checksums import BLOCK_BYTES, Digests
from emulator.storage.content import Source, compose_objects, copy_object, receive_object
from emulator.storage.metadata import ObjectMetadata
from emulator.storage.preconditions import Preconditions

ANY = Preconditions()


def source(name: str, **conditions: int) -> Source:
    return Source(bucket="bkt", name=name, conditions=Preconditions(**conditions))


def test_copy_is_independent_of_its_source(store, folder):
    store.put("x", b"1")
    copied = copy_object(store, source("x"), "bkt", "y", metadata=None, conditions=ANY)
    (folder / "x").write_bytes(b"edited")
    assert store.get("bkt", "y") == copied
    assert (folder / "y").read_bytes() == b"1"


def test_copy_with_a_source_condition_that_fails_makes_nothing(store, tmp_path):
    store.put("x", b"1")
    with pytest.raises(PreconditionFailed):
        copy_object(store, source("x", generation_match=1), "bkt", "y", metadata=None, conditions=ANY)
    assert list(store.names("bkt")) == ["x"]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_compose_counts_components(store):
    store.put("x", b"hel")
    store.put("y", b"lo")
    metadata = ObjectMetadata()
    once = compose_objects(store, [source("x"), source("y")], "bkt", "z", metadata=metadata, conditions=ANY)
    assert (once.size, once.crc32c, once.md5, once.component_count) == (5, "mnG7TA==", None, 2)
    twice = compose_objects(store, [source("z"), source("x")], "bkt", "z", metadata=metadata, conditions=ANY)
    assert twice.component_count == 3


@pytest.mark.parametrize("number", [0, 33])
def test_compose_of_too_many_or_none_is_refused(store, number):
    with pytest.raises(InvalidArgument, match=f"expected 1 to 32, received {number}"):
        compose_objects(store, [source("x")] * number, "bkt", "z", metadata=ObjectMetadata(), conditions=ANY)


@pytest.mark.parametrize(
    ("blocks", "error"),
    [([], NotFound), ([b"1", None], ClientDisconnect), ([b"." * BLOCK_BYTES, None], NotFound)],
)
def test_receive_into_no_bucket_ends_at_the_first_error(store, tmp_path, blocks, error):
    async def content() -> AsyncIterator[bytes]:
        for block in blocks:
            if block is None:
                raise ClientDisconnect
            yield block

    received = receive_object(
        store, content(), "none", "x", metadata=ObjectMetadata(), announced=Digests(), conditions=ANY
    )
    with pytest.raises(error):
        asyncio.run(received)
    assert list((tmp_path / "temporary").iterdir()) == []
