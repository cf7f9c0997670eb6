"""Cloud Storage after `kill -9`."""

from __future__ import annotations

import gzip
import os
import re
import socket
import time

import pytest
import requests
from google.cloud import storage

CHUNK = 1 << 20


@pytest.fixture(scope="module")
def own_emulator(emulator_factory):
    return emulator_factory()


@pytest.fixture(scope="module")
def bucket(own_emulator) -> storage.Bucket:
    options = {"api_endpoint": own_emulator.url}
    client = storage.Client(project="p", credentials=own_emulator.credentials, client_options=options)
    return client.create_bucket("restart")


def test_resumable_upload_killed_midway_goes_on(own_emulator, bucket):
    content = os.urandom(4 * CHUNK + 5)
    blob = bucket.blob("big")
    session = blob.create_resumable_upload_session(content_type="image/png", if_generation_match=0)
    headers = {"Content-Range": f"bytes 0-{2 * CHUNK - 1}/{len(content)}"}
    assert requests.put(session, data=content[: 2 * CHUNK], headers=headers).status_code == 308

    with socket.create_connection(("localhost", own_emulator.port)) as half:
        path = re.sub("^http://[^/]+", "", session)
        head = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content) - 2 * CHUNK}\r\n"
        head += f"Content-Range: bytes {2 * CHUNK}-{len(content) - 1}/{len(content)}\r\n\r\n"
        half.sendall(head.encode() + content[2 * CHUNK : 3 * CHUNK + 5])
        part = own_emulator.root / "storage" / "uploads" / f"{session.rpartition('=')[2]}.part"
        deadline = time.monotonic() + 20
        while part.stat().st_size <= 2 * CHUNK and time.monotonic() < deadline:
            time.sleep(0.01)
        own_emulator.restart()

    status = requests.put(session, headers={"Content-Range": f"bytes */{len(content)}"})
    assert status.status_code == 308
    received = int(status.headers["Range"].removeprefix("bytes=0-")) + 1
    assert 2 * CHUNK < received < len(content)
    rest = {"Content-Range": f"bytes {received}-{len(content) - 1}/{len(content)}"}
    finished = requests.put(session, data=content[received:], headers=rest)
    assert finished.status_code == 200
    assert bucket.blob("big").download_as_bytes() == content
    assert bucket.get_blob("big").content_type == "image/png"
    again = requests.put(session, headers={"Content-Range": f"bytes */{len(content)}"})
    assert again.json()["generation"] == finished.json()["generation"]


def test_upload_bytes_sent_twice_are_taken_once(bucket):
    session = bucket.blob("twice").create_resumable_upload_session()
    requests.put(session, data=b"01234", headers={"Content-Range": "bytes 0-4/*"})
    finished = requests.put(session, data=b"23456789", headers={"Content-Range": "bytes 2-9/10"})
    assert finished.status_code == 200
    assert bucket.blob("twice").download_as_bytes() == b"0123456789"


def test_status_query_of_an_upload_with_a_body_is_refused_and_keeps_nothing_of_it(bucket):
    session = bucket.blob("asked").create_resumable_upload_session()
    asked = requests.put(session, data=b"01234", headers={"Content-Range": "bytes */10"})
    assert asked.status_code == 400
    status = requests.put(session, headers={"Content-Range": "bytes */10"})
    assert (status.status_code, status.headers.get("Range")) == (308, None)


def test_upload_in_gzip_on_its_way_is_refused_by_name_and_keeps_nothing_of_it(bucket):
    session = bucket.blob("zipped").create_resumable_upload_session()
    zipped = requests.put(session, data=gzip.compress(b"0123"), headers={"Content-Encoding": "gzip"})
    assert (zipped.status_code, "gzip-encoded" in zipped.json()["error"]["message"]) == (501, True)
    assert requests.put(session, data=b"0123").status_code == 200
    assert bucket.blob("zipped").download_as_bytes() == b"0123"


def test_upload_with_a_gap_is_told_to_come_again(bucket):
    session = bucket.blob("gap").create_resumable_upload_session()
    assert requests.put(session, data=b"5", headers={"Content-Range": "bytes 5-5/10"}).status_code == 503


def test_cancelled_upload_is_gone(bucket):
    session = bucket.blob("cancelled").create_resumable_upload_session()
    assert requests.delete(session).status_code == 499
    assert requests.put(session, data=b"x").status_code == 404
    assert not bucket.blob("cancelled").exists()


def test_metadata_and_generations_outlive_the_process(own_emulator, bucket):
    blob = bucket.blob("kept")
    blob.metadata = {"k": "v"}
    blob.upload_from_string("x", content_type="text/plain")
    own_emulator.restart()
    found = bucket.get_blob("kept")
    assert (found.generation, found.metadata, found.content_type) == (
        blob.generation,
        {"k": "v"},
        "text/plain",
    )
