"""Object Versioning with google-cloud-storage."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import Conflict, NotFound, PreconditionFailed
from google.cloud import storage


@pytest.fixture(scope="module")
def client(emulator) -> storage.Client:
    options = {"api_endpoint": emulator.url}
    return storage.Client(project="p", credentials=emulator.credentials, client_options=options)


@pytest.fixture
def bucket(client, request):
    bucket = client.bucket(request.node.name.replace("_", "-")[:60].strip("-"))
    bucket.versioning_enabled = True
    bucket.create()
    yield bucket
    bucket.delete(force=True)


def versions(bucket, **parameters):
    return [(b.name, b.generation) for b in bucket.list_blobs(versions=True, **parameters)]


def test_versions_are_listed_read_and_restored(client, bucket):
    assert client.get_bucket(bucket.name).versioning_enabled
    blob = bucket.blob("x")
    blob.upload_from_string("old")
    old = blob.generation
    blob.upload_from_string("new")
    new = blob.generation
    assert versions(bucket) == [("x", old), ("x", new)]
    assert [b.generation for b in bucket.list_blobs()] == [new]
    assert bucket.blob("x", generation=old).download_as_bytes() == b"old"
    found = bucket.get_blob("x", generation=old)
    assert found.time_deleted is not None
    assert bucket.get_blob("x").time_deleted is None

    restored = bucket.copy_blob(blob, bucket, "x", source_generation=old)
    assert bucket.blob("x").download_as_bytes() == b"old"
    assert versions(bucket) == [("x", old), ("x", new), ("x", restored.generation)]


def test_delete_without_generation_keeps_a_version(bucket):
    blob = bucket.blob("x")
    blob.upload_from_string("1")
    bucket.blob("x").delete()
    assert not bucket.blob("x").exists()
    assert versions(bucket) == [("x", blob.generation)]
    with pytest.raises(Conflict, match="not empty"):
        bucket.delete()
    bucket.blob("x", generation=blob.generation).delete()
    assert versions(bucket) == []
    with pytest.raises(NotFound):
        bucket.blob("x", generation=blob.generation).reload()


def test_preconditions_are_about_the_live_object(bucket):
    blob = bucket.blob("x")
    blob.upload_from_string("1")
    old = blob.generation
    blob.upload_from_string("2")
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string("3", if_generation_match=old)
    bucket.blob("x").delete(if_generation_match=blob.generation)
    # No live object, in spite of the versions.
    blob.upload_from_string("3", if_generation_match=0)
    assert len(versions(bucket)) == 3


def test_metadata_of_a_version_is_patched(bucket):
    blob = bucket.blob("x")
    blob.upload_from_string("1")
    old = bucket.blob("x", generation=blob.generation)
    blob.upload_from_string("2")
    old.metadata = {"k": "v"}
    old.patch()
    again = bucket.get_blob("x", generation=old.generation)
    assert (again.metadata, again.metageneration) == ({"k": "v"}, 2)
    assert bucket.get_blob("x").metadata is None


def test_compose_takes_a_version_as_its_source(bucket):
    part = bucket.blob("part")
    part.upload_from_string("1")
    old = bucket.blob("part", generation=part.generation)
    part.upload_from_string("2")
    whole = bucket.blob("whole")
    whole.compose([old, bucket.blob("part")])
    assert whole.download_as_bytes() == b"12"


def test_compose_can_delete_its_sources(bucket):
    for name in ("1", "2"):
        bucket.blob(name).upload_from_string(name)
    whole = bucket.blob("1")
    whole.compose([bucket.blob("1"), bucket.blob("2"), bucket.blob("2")], delete_source_objects=True)
    assert bucket.blob("1").download_as_bytes() == b"122"
    assert [blob.name for blob in bucket.list_blobs()] == ["1"]
    named = bucket.blob("3")
    named.upload_from_string("3")
    bucket.blob("4").compose([named], delete_source_objects=True)
    assert not named.exists()
    assert "3" not in [name for name, _ in versions(bucket)]
