"""google-cloud-storage against the emulator."""

from __future__ import annotations

import datetime as dt
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import requests
from google.api_core.exceptions import (
    BadRequest,
    Conflict,
    MethodNotImplemented,
    NotFound,
    PreconditionFailed,
)
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def client(emulator) -> storage.Client:
    return storage.Client(
        project="perennial-local",
        credentials=emulator.credentials,
        client_options={"api_endpoint": emulator.url},
    )


@pytest.fixture
def bucket(client, request) -> Iterator[storage.Bucket]:
    name = request.node.name.replace("_", "-").split("[")[0][:60].strip("-")
    bucket = client.create_bucket(name)
    yield bucket
    bucket.delete_blobs(list(client.list_blobs(bucket)))
    bucket.delete()


def names(bucket: storage.Bucket, **conditions: object) -> list[str]:
    return [blob.name for blob in bucket.client.list_blobs(bucket, **conditions)]


def test_bucket_created_twice_conflicts(client, bucket):
    with pytest.raises(Conflict, match="already own it"):
        client.create_bucket(bucket.name)
    assert client.lookup_bucket("no-such-bucket") is None
    assert bucket.name in [found.name for found in client.list_buckets()]


def test_bucket_labels_patched_are_kept(client, bucket):
    bucket.labels = {"team": "models", "gone": "soon"}
    bucket.patch()
    bucket.labels = {"team": "models"}
    bucket.patch()
    assert client.get_bucket(bucket.name).labels == {"team": "models"}


def test_bucket_with_objects_is_not_deleted(bucket):
    bucket.blob("x").upload_from_string("1")
    with pytest.raises(Conflict, match="not empty"):
        bucket.delete()


def test_bucket_iam_policy_is_kept(bucket):
    policy = bucket.get_iam_policy()
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"user:a@example.com"}})
    bucket.set_iam_policy(policy)
    assert bucket.get_iam_policy().bindings == policy.bindings
    assert bucket.test_iam_permissions(["storage.objects.get"]) == ["storage.objects.get"]


def test_bucket_autoclass_is_refused_by_name(bucket):
    bucket.autoclass_enabled = True
    with pytest.raises(MethodNotImplemented, match="autoclass"):
        bucket.patch(retry=None)


def test_upload_small_is_a_plain_file(emulator, bucket):
    blob = bucket.blob("deep/er/übung.txt")
    blob.metadata = {"who": "tester"}
    blob.cache_control = "no-cache"
    blob.upload_from_string("hello", content_type="text/plain")
    found = bucket.get_blob("deep/er/übung.txt")
    assert found.download_as_bytes() == b"hello"
    assert (found.content_type, found.size, found.metadata) == ("text/plain", 5, {"who": "tester"})
    assert found.cache_control == "no-cache"
    assert (found.md5_hash, found.crc32c) == ("XUFAKrxLKna5cZ2REBfFkg==", "mnG7TA==")
    assert (emulator.root / "buckets" / bucket.name / "deep/er/übung.txt").read_bytes() == b"hello"


@pytest.mark.parametrize("chunk_size", [None, MEBIBYTE])
def test_upload_large_comes_back_whole(bucket, chunk_size):
    content = os.urandom(9 * MEBIBYTE + 17)
    bucket.blob("large", chunk_size=chunk_size).upload_from_file(io.BytesIO(content), checksum="crc32c")
    assert bucket.blob("large").download_as_bytes() == content


def test_upload_of_unknown_length_is_resumable(bucket):
    with bucket.blob("stream").open("wb", chunk_size=256 * 1024) as file:
        for _ in range(5):
            file.write(b"x" * 200_000)
    assert bucket.get_blob("stream").size == 1_000_000


def test_upload_empty_resumable_is_an_empty_object(bucket):
    with bucket.blob("empty").open("wb"):
        pass
    assert bucket.get_blob("empty").size == 0
    assert bucket.blob("empty").download_as_bytes() == b""


def test_upload_with_wrong_checksum_leaves_nothing(bucket):
    blob = bucket.blob("x")
    blob.md5_hash = "AAAAAAAAAAAAAAAAAAAAAA=="
    with pytest.raises(BadRequest, match="doesn't match"):
        blob.upload_from_string("hello", checksum=None)
    assert names(bucket) == []


def test_download_ranges(bucket):
    blob = bucket.blob("x")
    blob.upload_from_string("0123456789")
    assert blob.download_as_bytes(start=2, end=4) == b"234"
    assert blob.download_as_bytes(start=7) == b"789"
    with blob.open("rb", chunk_size=4) as file:
        file.seek(5)
        assert file.read() == b"56789"


def test_download_of_gzip_content_is_passed_or_unzipped(bucket, emulator):
    import gzip

    blob = bucket.blob("x.txt")
    blob.content_encoding = "gzip"
    zipped = gzip.compress(b"hello " * 100)
    blob.upload_from_string(zipped)
    assert blob.download_as_bytes(raw_download=True) == zipped
    assert blob.download_as_bytes() == b"hello " * 100
    plain = emulator.http.get(f"/{bucket.name}/x.txt", headers={"Accept-Encoding": "identity"})
    assert plain.content == b"hello " * 100
    assert "Content-Encoding" not in plain.headers


def test_list_folds_prefixes_and_pages(bucket):
    for name in ["a", "b/1", "b/2", "b/c/3", "d.txt", "e/4.txt"]:
        bucket.blob(name).upload_from_string("")
    listing = bucket.client.list_blobs(bucket, delimiter="/", page_size=2)
    assert [blob.name for blob in listing] == ["a", "d.txt"]
    assert listing.prefixes == {"b/", "e/"}
    assert names(bucket, prefix="b/", page_size=1) == ["b/1", "b/2", "b/c/3"]
    assert names(bucket, match_glob="**.txt") == ["d.txt", "e/4.txt"]
    assert names(bucket, start_offset="b/2", end_offset="e") == ["b/2", "b/c/3", "d.txt"]
    assert names(bucket, prefix="b", delimiter="/") == []


def test_folder_object_is_listed_and_deleted(bucket):
    bucket.blob("folder/").upload_from_string("")
    bucket.blob("folder/x").upload_from_string("")
    assert names(bucket) == ["folder/", "folder/x"]
    listing = bucket.client.list_blobs(bucket, delimiter="/", include_trailing_delimiter=True)
    assert [blob.name for blob in listing] == ["folder/"]
    assert listing.prefixes == {"folder/"}
    bucket.blob("folder/x").delete()
    assert names(bucket) == ["folder/"]


def test_patch_counts_metagenerations(bucket):
    blob = bucket.blob("x")
    blob.upload_from_string("1")
    blob.metadata = {"a": "1", "b": "2"}
    blob.patch()
    blob.metadata = {"a": None}
    blob.content_type = "text/html"
    blob.patch(if_metageneration_match=2)
    found = bucket.get_blob("x")
    assert (found.metadata, found.content_type, found.metageneration) == ({"b": "2"}, "text/html", 3)
    assert found.generation == blob.generation
    with pytest.raises(PreconditionFailed):
        blob.patch(if_metageneration_match=1)
    blob.content_type = "text/plain"
    blob.metadata = None
    blob.update()
    assert bucket.get_blob("x").metadata is None


def test_compose_joins_and_has_no_md5(bucket):
    for number in range(3):
        bucket.blob(f"part-{number}").upload_from_string(str(number))
    whole = bucket.blob("whole")
    whole.content_type = "text/plain"
    whole.compose([bucket.blob(f"part-{number}") for number in range(3)], if_generation_match=0)
    assert whole.download_as_bytes() == b"012"
    assert (whole.component_count, whole.md5_hash, whole.content_type) == (3, None, "text/plain")
    with pytest.raises(PreconditionFailed):
        whole.compose([bucket.blob("part-0")], if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        bucket.blob("other").compose([bucket.blob("part-0")], if_source_generation_match=[1])


def test_copy_rewrite_and_move_keep_metadata(bucket):
    source = bucket.blob("source")
    source.metadata = {"k": "v"}
    source.upload_from_string("content", content_type="text/plain")
    copied = bucket.copy_blob(source, bucket, "copy")
    target = bucket.blob("target")
    assert target.rewrite(source, if_source_generation_match=source.generation) == (None, 7, 7)
    moved = bucket.move_blob(bucket.blob("copy"), "moved")
    for blob in (copied, target, moved):
        assert (blob.metadata, blob.content_type) == ({"k": "v"}, "text/plain")
    assert names(bucket) == ["moved", "source", "target"]
    with pytest.raises(PreconditionFailed):
        target.rewrite(source, if_source_generation_match=1)
    with pytest.raises(PreconditionFailed):
        bucket.copy_blob(source, bucket, "target", if_generation_match=0)


def test_batch_deletes_and_reports_each(bucket):
    for number in range(5):
        bucket.blob(f"x/{number}").upload_from_string("")
    bucket.delete_blobs(list(bucket.client.list_blobs(bucket)))
    with bucket.client.batch(raise_exception=False) as batch:
        bucket.blob("x/0").delete()
    assert [response.status_code for response in batch._responses] == [404]
    assert names(bucket) == []


def test_preconditions_hold_on_every_verb(bucket):
    blob = bucket.blob("x")
    blob.upload_from_string("1", if_generation_match=0)
    stale = blob.generation
    blob.upload_from_string("2", if_generation_match=stale)
    for attempt in (
        lambda: blob.upload_from_string("3", if_generation_match=0),
        lambda: blob.upload_from_file(io.BytesIO(b"3" * 9 * MEBIBYTE), if_generation_match=stale),
        lambda: blob.download_as_bytes(if_generation_match=stale),
        lambda: blob.reload(if_generation_match=stale),
        lambda: blob.delete(if_generation_match=stale),
        lambda: blob.delete(if_metageneration_match=9),
    ):
        with pytest.raises(PreconditionFailed):
            attempt()
    assert not bucket.blob("x", generation=stale).exists()
    with pytest.raises(NotFound):
        bucket.blob("y").delete(if_generation_match=1)
    blob.delete(if_generation_match=bucket.get_blob("x").generation)
    assert not blob.exists()


def test_race_on_a_new_object_has_one_winner(bucket):
    def attempt(number: int) -> bool:
        try:
            bucket.blob("x").upload_from_string(str(number) * 100_000, if_generation_match=0)
        except PreconditionFailed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(8)))
    assert won.count(True) == 1
    assert bucket.blob("x").download_as_bytes() == str(won.index(True)).encode() * 100_000


def test_signed_url_reads_and_writes(emulator, bucket):
    options = {
        "version": "v4", "expiration": dt.timedelta(minutes=5),
        "credentials": emulator.credentials, "api_access_endpoint": emulator.url,
    }  # fmt: skip
    blob = bucket.blob("a folder/file #1.txt")
    put = requests.put(blob.generate_signed_url(method="PUT", **options), data=b"signed")
    assert put.status_code == 200
    assert requests.get(blob.generate_signed_url(method="GET", **options)).content == b"signed"
    assert requests.head(blob.generate_signed_url(method="HEAD", **options)).headers["Content-Length"] == "6"
    assert requests.delete(blob.generate_signed_url(method="DELETE", **options)).status_code == 204


def test_foreign_and_edited_files_appear(emulator, bucket):
    path: Path = emulator.root / "buckets" / bucket.name / "job" / "out.json"
    path.parent.mkdir()
    path.write_text("{}")
    first = bucket.get_blob("job/out.json")
    assert (first.size, first.content_type) == (2, "application/json")
    path.write_text('{"a": 1}')
    second = bucket.get_blob("job/out.json")
    assert second.generation > first.generation
    assert second.download_as_bytes() == b'{"a": 1}'
    path.unlink()
    assert names(bucket) == []


@pytest.mark.parametrize("name", ["../escape", "a/../../escape", "/absolute", "a//b", "nul\0", "."])
def test_name_that_is_no_path_is_refused(emulator, bucket, name):
    with pytest.raises(BadRequest, match="Object name"):
        bucket.blob(name).upload_from_string("x")
    assert not list(emulator.root.glob("**/escape"))


def test_file_and_folder_of_one_name_conflict(bucket):
    bucket.blob("x").upload_from_string("")
    with pytest.raises(Conflict, match=r"while .*/x is there"):
        bucket.blob("x/y").upload_from_string("")
    bucket.blob("z/y").upload_from_string("")
    with pytest.raises(Conflict, match=r"while .*/z/y is there"):
        bucket.blob("z").upload_from_string("")
    bucket.blob("z/y").delete()
    bucket.blob("z").upload_from_string("")


def test_lost_answer_is_an_error_of_the_connection_after_the_effect(emulator, bucket):
    emulator.set_fault(target="storage.objects.insert", lose_answer=True)
    with pytest.raises(httpx.RemoteProtocolError):
        emulator.http.post(f"/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=x", content=b"1")
    assert bucket.blob("x").download_as_bytes() == b"1"


def test_fault_is_retried_by_the_client(emulator, bucket):
    fault = {"api_method": "storage.objects.get", "http_status": 503, "count": 2}
    emulator.set_fault(**fault)
    bucket.blob("x").upload_from_string("1")
    assert bucket.blob("x").exists(retry=DEFAULT_RETRY.with_delay(initial=0.01))
    assert emulator.faults() == []
