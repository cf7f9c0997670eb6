"""What Cloud Storage refuses or encodes: odd names and metadata, gzip on its way, symbolic links."""

from __future__ import annotations

import base64
import gzip
import json
import os

import httpx
import pytest


@pytest.fixture(scope="module")
def http(emulator) -> httpx.Client:
    client = emulator.http
    client.post(f"{emulator.url}/storage/v1/b", json={"name": "poison"})
    return client


@pytest.fixture(scope="module")
def base(emulator) -> str:
    return emulator.url


def upload(http, base, name, content=b"x", headers=None, **resource):
    document = json.dumps({"name": name, **resource}).encode()
    body = b"--b\r\n\r\n" + document + b"\r\n--b\r\n\r\n" + content + b"\r\n--b--"
    gzipped = bool(headers and "Content-Encoding" in headers)
    return http.post(
        f"{base}/upload/storage/v1/b/poison/o?uploadType=multipart",
        content=gzip.compress(body) if gzipped else body,
        headers={"Content-Type": "multipart/related; boundary=b", **(headers or {})},
    )


def test_metadata_of_any_script_is_read_back_and_encoded_in_headers(http, base):
    assert upload(http, base, "cyrillic", metadata={"ключ a": "значение\n"}).status_code == 200
    found = http.get(f"{base}/storage/v1/b/poison/o/cyrillic")
    assert found.json()["metadata"] == {"ключ a": "значение\n"}
    media = http.get(f"{base}/storage/v1/b/poison/o/cyrillic?alt=media")
    assert media.content == b"x"
    assert media.headers["x-goog-meta-%D0%BA%D0%BB%D1%8E%D1%87%20a"]


@pytest.mark.parametrize("metadata", [{"a\r\nb": "x"}, {" ": "x"}, {"a": "x" * 9000}, ["a"], {"a": 1}])
def test_odd_metadata_is_refused_at_the_write(http, base, metadata):
    assert upload(http, base, "odd", metadata=metadata).status_code == 400
    assert http.get(f"{base}/storage/v1/b/poison/o/odd").status_code == 404


def test_half_of_a_surrogate_pair_is_refused_at_the_write(http, base):
    url = f"{base}/storage/v1/b/poison/o/cyrillic"
    patch = http.patch(
        url, content=b'{"metadata": {"a": "\\ud800"}}', headers={"Content-Type": "application/json"}
    )
    assert patch.status_code == 400


def test_objects_are_never_pages_of_the_apis_origin(http, base):
    upload(http, base, "page.html", b"<script>alert(1)</script>", contentType="text/html")
    headers = http.get(f"{base}/poison/page.html").headers
    assert headers["content-type"] == "text/html"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox"
    assert headers["content-disposition"] == "attachment"


def test_upload_that_is_gzip_encoded_on_its_way_is_kept_inflated(http, base):
    content = os.urandom(100) + b"0" * 3_000_000
    answer = upload(http, base, "inflated", content, {"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["size"]) == (200, str(len(content)))
    assert "contentEncoding" not in answer.json()
    assert http.get(f"{base}/storage/v1/b/poison/o/inflated?alt=media").content == content
    simple = f"{base}/upload/storage/v1/b/poison/o?uploadType=media&name=simple"
    for body, status in (
        (gzip.compress(b"hello"), 200),
        (b"no gzip", 400),
        (gzip.compress(b"hello")[:-4], 400),
    ):
        assert http.post(simple, content=body, headers={"Content-Encoding": "gzip"}).status_code == status
    assert http.get(f"{base}/storage/v1/b/poison/o/simple?alt=media").content == b"hello"


def test_raw_colon_in_a_name_is_part_of_it(http, base):
    upload(http, base, "a:b:c")
    assert http.get(f"{base}/storage/v1/b/poison/o/a:b:c").json()["name"] == "a:b:c"
    assert http.delete(f"{base}/storage/v1/b/poison/o/a:b:c").status_code == 204


def test_symbolic_link_among_the_buckets_is_no_bucket(emulator, http, base, tmp_path):
    (tmp_path / "secret").write_text("secret")
    link = emulator.root / "buckets" / "linked"
    link.symlink_to(tmp_path)
    try:
        assert http.get(f"{base}/storage/v1/b/linked/o").status_code == 404
        assert http.get(f"{base}/storage/v1/b/linked/o/secret?alt=media").status_code == 404
        assert http.post(f"{base}/storage/v1/b", json={"name": "linked"}).status_code == 409
        names = [item["name"] for item in http.get(f"{base}/storage/v1/b").json()["items"]]
        assert "linked" not in names
    finally:
        link.unlink()


def test_etags_are_base64_and_guard_the_policy(http, base):
    url = f"{base}/storage/v1/b/poison/iam"
    policy = http.get(url).json()
    assert base64.b64decode(policy["etag"], validate=True)
    assert base64.b64decode(http.get(f"{base}/storage/v1/b/poison/o/cyrillic").json()["etag"], validate=True)
    assert http.put(url, json=policy).status_code == 200
    assert http.put(url, json=policy).status_code == 412


@pytest.mark.parametrize(
    "setting", [{"softDeletePolicy": {"retentionDurationSeconds": "604800"}}, {"rpo": "ASYNC_TURBO"}]
)
def test_settings_that_are_not_emulated_are_refused_by_name(http, base, setting):
    answer = http.patch(f"{base}/storage/v1/b/poison", json=setting)
    assert answer.status_code == 501
    assert next(iter(setting)) in answer.json()["error"]["message"]


def test_batch_answers_each_part(http, base):
    part = "--b\r\nContent-Type: application/http\r\n\r\n{}\r\n\r\n\r\n"
    lines = ["GET /storage/v1/b/poison HTTP/1.1", "nonsense", "GET /storage/v1/b/no-such-bucket HTTP/1.1"]
    body = "".join(part.format(line) for line in lines) + "--b--"
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    answer = http.post(f"{base}/batch/storage/v1", content=body, headers=headers).text
    statuses = [line.split()[1] for line in answer.splitlines() if line.startswith("HTTP/1.1 ")]
    assert statuses == ["200", "400", "404"]
