"""Access control lists and notifications with google-cloud-storage."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import BadRequest, MethodNotImplemented, NotFound
from google.cloud import storage


@pytest.fixture(scope="module")
def client(emulator) -> storage.Client:
    options = {"api_endpoint": emulator.url}
    return storage.Client(project="p", credentials=emulator.credentials, client_options=options)


@pytest.fixture(scope="module")
def bucket(client):
    bucket = client.create_bucket("access")
    bucket.blob("x").upload_from_string("1")
    yield bucket
    bucket.delete(force=True)


def test_lists_are_refused_as_under_uniform_access(bucket):
    assert bucket.iam_configuration.uniform_bucket_level_access_enabled
    with pytest.raises(BadRequest, match="Cannot get legacy ACL for a bucket"):
        bucket.acl.reload()
    with pytest.raises(BadRequest, match="Cannot get legacy ACL for a bucket"):
        bucket.default_object_acl.reload()
    with pytest.raises(BadRequest, match="Cannot get legacy ACL for an object"):
        bucket.blob("x").acl.reload()
    with pytest.raises(NotFound, match="No such object"):
        bucket.blob("no such").acl.reload()


def test_written_object_with_a_list_is_refused(bucket):
    for write in (
        lambda: bucket.blob("y").upload_from_string("1", predefined_acl="publicRead", retry=None),
        lambda: bucket.blob("x").make_public(),
        lambda: bucket.blob("z").create_resumable_upload_session(predefined_acl="publicRead"),
    ):
        with pytest.raises(BadRequest, match="uniform bucket-level access is enabled"):
            write()
    assert [blob.name for blob in bucket.list_blobs()] == ["x"]


def test_lists_without_uniform_access_are_not_emulated(client):
    bucket = client.bucket("fine-grained")
    bucket.iam_configuration.uniform_bucket_level_access_enabled = False
    bucket.create()
    with pytest.raises(MethodNotImplemented, match="Access control lists"):
        bucket.acl.reload(timeout=5)
    bucket.delete()


def test_bucket_for_everybody_is_refused(client):
    with pytest.raises(MethodNotImplemented, match="predefinedAcl"):
        client.create_bucket("public", predefined_acl="publicRead")
    client.create_bucket("private", predefined_acl="projectPrivate").delete()


def test_notifications_are_an_empty_list_and_not_made(bucket):
    assert list(bucket.list_notifications()) == []
    with pytest.raises(MethodNotImplemented, match=r"storage\.notifications\.insert"):
        bucket.notification("topic").create(retry=None)


def test_enforced_prevention_of_public_access_is_kept_and_another_value_refused(bucket):
    bucket.reload()
    assert bucket.iam_configuration.public_access_prevention == "inherited"
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.patch()
    assert bucket.iam_configuration.uniform_bucket_level_access_enabled
    bucket.iam_configuration.public_access_prevention = "no such"
    with pytest.raises(BadRequest, match="publicAccessPrevention"):
        bucket.patch()


def test_object_retention_is_refused(client):
    with pytest.raises(MethodNotImplemented, match="objectRetention"):
        client.create_bucket("retention", enable_object_retention=True)


def test_service_agent_has_an_address(client):
    assert client.get_service_account_email().endswith("@gs-project-accounts.iam.gserviceaccount.com")
