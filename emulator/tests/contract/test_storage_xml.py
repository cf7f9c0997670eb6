"""The XML API: multipart uploads with google-cloud-storage, lists and uploads by signed URLs, errors."""

from __future__ import annotations

import datetime as dt
import os
from xml.etree import ElementTree as ET

import pytest
import requests
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from google.cloud.storage import transfer_manager
from google.cloud.storage._media.requests import XMLMPUContainer, XMLMPUPart
from google.cloud.storage.exceptions import DataCorruption

MEBIBYTE = 1 << 20
CUSTOM_TIME = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@pytest.fixture(scope="module")
def client(emulator) -> storage.Client:
    options = {"api_endpoint": emulator.url}
    return storage.Client(project="p", credentials=emulator.credentials, client_options=options)


@pytest.fixture(scope="module")
def bucket(client):
    bucket = client.create_bucket("multipart")
    yield bucket
    bucket.delete(force=True)


@pytest.fixture
def session(emulator):
    with AuthorizedSession(emulator.credentials) as session:
        yield session


def initiated(bucket, session, url, path):
    container = XMLMPUContainer(f"{url}/{bucket.name}/x", str(path), retry=None)
    container.initiate(session, "text/plain")
    return container


def uploaded(container, session, path, number, *, end, checksum="md5"):
    part = XMLMPUPart(
        container.upload_url, container.upload_id, str(path), 0, end, number, checksum=checksum, retry=None
    )
    part.upload(session)
    return part


def test_chunks_uploaded_concurrently_are_one_object(bucket, tmp_path):
    content = os.urandom(11 * MEBIBYTE)
    (tmp_path / "file").write_bytes(content)
    blob = bucket.blob("deep/übung x", chunk_size=5 * MEBIBYTE)
    blob.metadata = {"k": "v"}
    blob.cache_control = "no-store"
    blob.content_encoding = "gzip"
    blob.storage_class = "NEARLINE"
    blob.custom_time = CUSTOM_TIME
    transfer_manager.upload_chunks_concurrently(
        str(tmp_path / "file"), blob, chunk_size=5 * MEBIBYTE, worker_type=transfer_manager.THREAD,
        content_type="image/png",
    )  # fmt: skip
    found = bucket.get_blob("deep/übung x")
    assert found.download_as_bytes(raw_download=True) == content
    assert (found.metadata, found.content_type, found.cache_control) == ({"k": "v"}, "image/png", "no-store")
    assert (found.content_encoding, found.storage_class, found.custom_time) == (
        "gzip",
        "NEARLINE",
        CUSTOM_TIME,
    )
    assert found.md5_hash is None


def test_parts_are_listed_and_gone_after_the_abort(emulator, bucket, session, tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789")
    container = initiated(bucket, session, emulator.url, tmp_path / "file")
    etags = [uploaded(container, session, tmp_path / "file", n, end=n).etag for n in (2, 1)]
    url = f"{container.upload_url}?uploadId={container.upload_id}"
    root = ET.fromstring(session.get(f"{url}&max-parts=1").text)
    assert [item.text for item in root.iter(f"{NAMESPACE}ETag")] == [etags[1]]
    assert root.findtext(f"{NAMESPACE}IsTruncated") == "true"
    rest = ET.fromstring(session.get(f"{url}&part-number-marker=1").text)
    assert [item.text for item in rest.iter(f"{NAMESPACE}Size")] == ["2"]
    container.cancel(session)
    assert session.get(url).status_code == 404
    assert not bucket.blob("x").exists()


def test_part_that_is_corrupted_on_its_way_is_told_as_such(emulator, bucket, session, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"0123456789")
    container = initiated(bucket, session, emulator.url, tmp_path / "file")
    send = session.request
    monkeypatch.setattr(session, "request", lambda *a, **kw: send(*a, **{**kw, "data": b"another"}))
    with pytest.raises(DataCorruption, match="BadDigest"):
        uploaded(container, session, tmp_path / "file", 1, end=10)


def test_requests_without_a_login_are_refused(emulator, bucket):
    url = f"{emulator.url}/{bucket.name}/x"
    for method, query in (
        ("POST", "uploads"), ("PUT", "partNumber=1&uploadId=x"), ("POST", "uploadId=x"),
        ("DELETE", "uploadId=x"), ("GET", "uploadId=x"),
    ):  # fmt: skip
        assert requests.request(method, f"{url}?{query}", data=b"").status_code == 401


def test_errors_are_xml(emulator, bucket, session):
    answer = session.get(f"{emulator.url}/{bucket.name}/no%20such")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/xml")
    assert ET.fromstring(answer.text).findtext("Code") == "NoSuchKey"


@pytest.mark.parametrize("version", ["v2", "v4"])
def test_signed_url_of_a_bucket_lists_its_objects(emulator, bucket, version):
    for name in ("list/a/1", "list/a/2", "list/b", "list/c"):
        bucket.blob(name).upload_from_string("1")
    lifetime = dt.timedelta(minutes=5)
    url = bucket.generate_signed_url(lifetime, version=version, api_access_endpoint=emulator.url)
    names = [item.text for item in ET.fromstring(requests.get(url).text).iter(f"{NAMESPACE}Key")]
    assert {"list/a/1", "list/c"} <= set(names)


def test_list_goes_on_behind_its_marker(emulator, bucket, session):
    for name in ("list/a/1", "list/a/2", "list/b", "list/c"):
        bucket.blob(name).upload_from_string("1")
    found, marker = [], ""
    while marker is not None:
        query = {"prefix": "list/", "delimiter": "/", "max-keys": 1, "marker": marker}
        root = ET.fromstring(session.get(f"{emulator.url}/{bucket.name}", params=query).text)
        found += [
            item.text
            for path in ("Contents/Key", "CommonPrefixes/Prefix")
            for item in root.iterfind("/".join(NAMESPACE + part for part in path.split("/")))
        ]
        marker = root.findtext(f"{NAMESPACE}NextMarker")
    assert found == ["list/a/", "list/b", "list/c"]


def test_signed_url_begins_a_resumable_upload(emulator, bucket):
    blob = bucket.blob("signed resumable")
    lifetime = dt.timedelta(minutes=5)
    url = blob.generate_signed_url(
        lifetime, version="v4", method="RESUMABLE", api_access_endpoint=emulator.url
    )
    begun = requests.post(url, headers={"x-goog-resumable": "start"})
    assert begun.status_code == 201
    assert requests.put(begun.headers["Location"], data=b"hello").status_code == 200
    assert blob.download_as_bytes() == b"hello"
    assert requests.post(url).status_code in {400, 403}
