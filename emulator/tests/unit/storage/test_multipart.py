import asyncio
from collections.abc import AsyncIterator

import pytest

from emulator.errors import InvalidArgument
from emulator.storage import multipart
from emulator.storage.checksums import Digests
from emulator.storage.errors import (
    ChecksumMismatch,
    EntityTooSmall,
    InvalidPart,
    InvalidPartOrder,
    NoSuchUpload,
)
from emulator.storage.metadata import ObjectMetadata
from emulator.storage.multipart import MultipartUploads, part_number


@pytest.fixture
def uploads(store, state, tmp_path, monkeypatch):
    monkeypatch.setattr(multipart, "MIN_PART_BYTES", 3)
    (tmp_path / "parts").mkdir()
    return MultipartUploads(store, state, tmp_path / "parts")


@pytest.fixture
def upload_id(uploads):
    return uploads.initiate("bkt", "x", ObjectMetadata(content_type="image/png"))


def put(uploads, upload_id, number, content, announced=Digests()):  # noqa: B008
    async def stream() -> AsyncIterator[bytes]:
        yield content

    return asyncio.run(
        uploads.put_part("bkt", "x", upload_id, number=number, content=stream(), announced=announced)
    )


def test_complete_composes_the_chosen_parts_by_number(uploads, upload_id, store, tmp_path):
    last = put(uploads, upload_id, 3, b"z")
    put(uploads, upload_id, 2, b"not chosen")
    put(uploads, upload_id, 1, b"replaced")
    first = put(uploads, upload_id, 1, b"abc")
    assert [part.number for part in uploads.parts("bkt", "x", upload_id)] == [1, 2, 3]
    found = uploads.complete("bkt", "x", upload_id, [(1, first.etag), (3, last.etag.strip('"'))])
    assert (found.md5, found.size, found.metadata.content_type) == (None, 4, "image/png")
    _, file = store.open("bkt", "x")
    with file:
        assert file.read() == b"abcz"
    assert list((tmp_path / "parts").iterdir()) == []
    with pytest.raises(NoSuchUpload):
        uploads.parts("bkt", "x", upload_id)


def test_complete_with_other_parts_than_received_is_refused_and_keeps_them(uploads, upload_id):
    small, large = put(uploads, upload_id, 1, b"a"), put(uploads, upload_id, 2, b"abc")
    for chosen, error in (
        ([], InvalidPart),
        ([(5, small.etag)], InvalidPart),
        ([(1, large.etag)], InvalidPart),
        ([(2, large.etag), (1, small.etag)], InvalidPartOrder),
        ([(2, large.etag), (2, large.etag)], InvalidPartOrder),
        ([(1, small.etag), (2, large.etag)], EntityTooSmall),
    ):
        with pytest.raises(error):
            uploads.complete("bkt", "x", upload_id, chosen)
    assert len(uploads.parts("bkt", "x", upload_id)) == 2


def test_upload_of_another_object_is_not_found(uploads, upload_id):
    with pytest.raises(NoSuchUpload):
        uploads.parts("bkt", "y", upload_id)


def test_part_with_another_checksum_is_refused(uploads, upload_id, tmp_path):
    with pytest.raises(ChecksumMismatch):
        put(uploads, upload_id, 1, b"abc", Digests(md5="no"))
    assert uploads.parts("bkt", "x", upload_id) == []
    assert list((tmp_path / "parts").iterdir()) == []


def test_abort_removes_the_parts(uploads, upload_id, tmp_path):
    put(uploads, upload_id, 1, b"abc")
    uploads.abort("bkt", "x", upload_id)
    assert list((tmp_path / "parts").iterdir()) == []
    with pytest.raises(NoSuchUpload):
        put(uploads, upload_id, 2, b"abc")


def test_files_without_a_record_are_removed(uploads, upload_id, tmp_path):
    part = put(uploads, upload_id, 1, b"abc")
    (tmp_path / "parts" / "stray").touch()
    uploads.remove_strays()
    assert [path.name for path in (tmp_path / "parts").iterdir()] == [part.file]


@pytest.mark.parametrize("text", ["", "0", "-1", "10001", "1.0", "\u0661", "9" * 5000])
def test_part_number_out_of_range_is_refused(text):
    with pytest.raises(InvalidArgument, match="between 1 and 10000"):
        part_number(text)
