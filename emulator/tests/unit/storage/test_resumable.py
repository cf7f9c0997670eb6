import os

import pytest

from emulator.errors import InvalidArgument
from emulator.storage.checksums import Digests
from emulator.storage.errors import NoSuchUpload
from emulator.storage.metadata import ObjectMetadata
from emulator.storage.preconditions import Preconditions
from emulator.storage.resumable import LIFETIME_SECONDS, ContentRange, UploadSession, UploadSessions


@pytest.mark.parametrize(
    ("text", "first", "total"),
    [
        ("bytes 0-9/10", 0, 10),
        ("bytes 5-9/*", 5, None),
        ("bytes 5-*/*", 5, None),
        ("bytes */10", None, 10),
        ("bytes */*", None, None),
    ],
)
def test_content_range_from_header(text, first, total):
    assert ContentRange.from_header(text) == ContentRange(first=first, total=total)


@pytest.mark.parametrize("text", ["", "bytes 1/2", "0-9/10"])
def test_content_range_from_another_text_is_refused(text):
    with pytest.raises(InvalidArgument, match="Content-Range"):
        ContentRange.from_header(text)


SESSION = UploadSession(
    bucket="bkt", name="x", metadata=ObjectMetadata(custom={"k": "v"}), announced=Digests(md5="m"),
    conditions=Preconditions(generation_match=0), size=10,
)  # fmt: skip


def test_get_from_another_instance_is_what_was_created(tmp_path):
    upload_id = UploadSessions(tmp_path).create(SESSION)
    assert UploadSessions(tmp_path).get(upload_id) == SESSION
    assert UploadSessions(tmp_path).part(upload_id).stat().st_size == 0


@pytest.mark.parametrize("upload_id", ["unknown", "../x", "", "/etc/passwd", "a" * 300, "\0" * 32, "é" * 32])
def test_get_of_no_upload_is_refused(tmp_path, upload_id):
    with pytest.raises(NoSuchUpload):
        UploadSessions(tmp_path).get(upload_id)


def test_remove_expired_keeps_the_young(tmp_path):
    sessions = UploadSessions(tmp_path)
    old, young = sessions.create(SESSION), sessions.create(SESSION)
    for path in tmp_path.glob(f"{old}.*"):
        os.utime(path, (path.stat().st_mtime - LIFETIME_SECONDS - 60,) * 2)
    sessions.remove_expired()
    assert sessions.get(young) == SESSION
    with pytest.raises(NoSuchUpload):
        sessions.get(old)
