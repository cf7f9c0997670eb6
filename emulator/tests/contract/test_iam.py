"""Google's clients as service accounts with few rights, against an emulator with a file of them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from google.api_core import exceptions
from google.auth import impersonated_credentials
from google.auth.transport.requests import Request
from google.cloud import aiplatform_v1, storage

from emulator.iam import audit

REGION = "us-central1"
FILE = """
[accounts.perennial-airflow]
roles = ["data", "training"]
acts_as = ["perennial-jobs"]

[accounts.perennial-jobs]
roles = ["data"]

[accounts.perennial-reader]
roles = ["reading"]

[accounts.perennial-worker]
impersonates = ["perennial-airflow"]

[roles.data.permissions]
"storage.objects.create" = ""
"storage.objects.get" = ""
"storage.objects.list" = ""

[roles.reading.permissions]
"storage.objects.get" = ""

[roles.training.permissions]
"aiplatform.customJobs.create" = ""
"aiplatform.customJobs.get" = ""
"""


@pytest.fixture(scope="module")
def strict(emulator_factory: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    file: Path = tmp_path_factory.mktemp("iam") / "permissions.toml"
    file.write_text(FILE)
    emulator = emulator_factory("--accounts", str(file))
    (emulator.root / "buckets" / "rights").mkdir()
    return emulator


def storage_client(emulator: Any, credentials: Any) -> storage.Client:
    options = {"api_endpoint": emulator.url}
    return storage.Client(project="perennial-local", credentials=credentials, client_options=options)


def jobs_client(emulator: Any, credentials: Any) -> aiplatform_v1.JobServiceClient:
    options = {"api_endpoint": f"http://127.0.0.1:{emulator.port}"}
    return aiplatform_v1.JobServiceClient(transport="rest", credentials=credentials, client_options=options)


def job(emulator: Any, account: str) -> dict[str, Any]:
    pool = {
        "machine_spec": {"machine_type": "n1-standard-4"},
        "replica_count": 1,
        "container_spec": {"image_uri": "us-docker.pkg.dev/p/perennial-tests/little_trainer:1"},
    }
    spec = {"worker_pool_specs": [pool], "service_account": account and emulator.email(account)}
    return {"display_name": "rights", "job_spec": spec}


def used(emulator: Any, account: str) -> set[tuple[str, bool]]:
    """Permissions that an account used, and whether it holds them."""
    return {
        (right["permission"], right["granted"])
        for entry in audit.read(emulator.root)
        for right in entry["protoPayload"]["authorizationInfo"]
        if entry["protoPayload"]["authenticationInfo"]["principalEmail"] == emulator.email(account)
    }


@pytest.mark.parametrize(
    "authorization", [None, "Bearer local", "Basic b3duZXI6", "Bearer ya29.e30.00", "Bearer", "bearer x.y.z"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/storage/v1/b?project=p"),
        ("GET", "/rights/x"),
        ("POST", f"/v1/projects/p/locations/{REGION}/customJobs"),
        ("POST", "/upload/storage/v1/b/rights/o?uploadType=media&name=x"),
        ("POST", "/_emulator/faults"),
        ("POST", "/batch/storage/v1"),
        ("POST", "/v2/entries:list"),
        ("GET", "/storage/v1/b/rights/acl"),
    ],
)
def test_request_without_valid_credentials_is_refused(
    strict: Any, method: str, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}

    answer = httpx.request(method, f"{strict.url}{path}", headers=headers)

    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert not (strict.root / "buckets" / "rights" / "x").exists()


def test_account_does_what_its_roles_hold_and_nothing_else(strict: Any) -> None:
    bucket = storage_client(strict, strict.credentials_of("perennial-jobs")).bucket("rights")
    bucket.blob("one").upload_from_string("1")
    assert bucket.blob("one").download_as_bytes() == b"1"
    with pytest.raises(exceptions.Forbidden, match=r"storage\.objects\.delete access"):
        bucket.blob("one").delete()
    with pytest.raises(exceptions.Forbidden, match=r"storage\.buckets\.get access"):
        bucket.reload()
    with pytest.raises(exceptions.Forbidden, match=r"'aiplatform\.customJobs\.create' denied on resource"):
        jobs_client(strict, strict.credentials_of("perennial-jobs")).create_custom_job(
            parent=f"projects/p/locations/{REGION}", custom_job=job(strict, "")
        )
    assert used(strict, "perennial-jobs") >= {
        ("storage.objects.create", True), ("storage.objects.get", True), ("storage.objects.delete", False),
        ("storage.buckets.get", False), ("aiplatform.customJobs.create", False),
    }  # fmt: skip
    granted = bucket.test_iam_permissions(["storage.objects.get", "storage.objects.delete"])
    assert granted == ["storage.objects.get"]


def test_object_is_replaced_by_those_who_may_delete_it(strict: Any) -> None:
    owners = storage_client(strict, strict.credentials).bucket("rights")
    jobs = storage_client(strict, strict.credentials_of("perennial-jobs")).bucket("rights")
    for _ in range(2):
        owners.blob("kept").upload_from_string("1")
    for write in (
        lambda: jobs.blob("kept").upload_from_string("2"),
        lambda: jobs.blob("kept").create_resumable_upload_session(size=1),
        lambda: jobs.blob("kept").compose([jobs.blob("kept")]),
        lambda: jobs.blob("kept").rewrite(jobs.blob("kept")),
    ):
        with pytest.raises(exceptions.Forbidden, match=r"storage\.objects\.delete access"):
            write()
    assert owners.blob("kept").download_as_bytes() == b"1"


def test_requests_in_a_batch_are_checked_one_by_one(strict: Any) -> None:
    owners = storage_client(strict, strict.credentials).bucket("rights")
    owners.blob("batched").upload_from_string("1")
    client = storage_client(strict, strict.credentials_of("perennial-jobs"))
    with pytest.raises(exceptions.Forbidden, match=r"storage\.objects\.delete"), client.batch():
        client.bucket("rights").delete_blob("batched")
    assert owners.blob("batched").exists()


def test_job_acts_as_an_account_that_its_creator_may_act_as(strict: Any) -> None:
    jobs = jobs_client(strict, strict.credentials_of("perennial-airflow"))
    parent = f"projects/p/locations/{REGION}"
    for account in ("perennial-reader", "perennial-airflow", "nobody-at-all"):
        with pytest.raises(exceptions.Forbidden, match=f"act as service_account: {account}@"):
            jobs.create_custom_job(parent=parent, custom_job=job(strict, account))
    made = jobs.create_custom_job(parent=parent, custom_job=job(strict, "perennial-jobs"))
    assert made.job_spec.service_account == strict.email("perennial-jobs")


def test_impersonation_gives_the_rights_of_the_other_account_alone(strict: Any) -> None:
    def impersonated(target: str, source: str) -> impersonated_credentials.Credentials:
        email = strict.email(target)
        url = f"{strict.url}/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        return impersonated_credentials.Credentials(
            strict.credentials_of(source), email, scopes, iam_endpoint_override=url
        )

    bucket = storage_client(strict, impersonated("perennial-airflow", "perennial-worker")).bucket("rights")
    bucket.blob("by-another").upload_from_string("1")
    with pytest.raises(exceptions.Forbidden):
        storage_client(strict, strict.credentials_of("perennial-worker")).get_bucket("rights")
    for target, source in (("perennial-jobs", "perennial-worker"), ("perennial-airflow", "owner")):
        with pytest.raises(Exception, match=r"iam\.serviceAccounts\.getAccessToken"):
            impersonated(target, source).refresh(Request())


@pytest.mark.parametrize("version", ["v2", "v4"])
def test_signed_url_does_what_its_signer_may_and_only_that(strict: Any, version: str) -> None:
    def url(account: str, name: str, method: str = "GET", **options: Any) -> str:
        client = storage_client(strict, strict.credentials_of(account))
        signed: str = (
            client.bucket("rights")
            .blob(name)
            .generate_signed_url(
                **{"version": version, "expiration": dt.timedelta(minutes=5), "method": method, **options},
                api_access_endpoint=strict.url,
            )
        )
        return signed

    name = f"signed {version}/é#1"
    written = requests.put(url("perennial-jobs", name, "PUT", content_type="text/plain"), data=b"1",
                           headers={"content-type": "text/plain"})  # fmt: skip
    assert written.status_code == 200, written.text
    good = url("perennial-reader", name)
    assert requests.get(good).content == b"1"
    # Another method, another object, another signer, a changed signature, a signer without the right.
    assert requests.delete(good).status_code == 403
    assert requests.get(good.replace("signed", "other")).status_code == 403
    assert requests.get(good.replace("perennial-reader", "perennial-jobs")).status_code == 403
    assert requests.get(re.sub("(Signature=)..", "\\g<1>00", good)).status_code == 403
    assert requests.put(url("perennial-reader", name, "PUT"), data=b"2").status_code == 403
    longer = good.replace("X-Goog-Expires=300", "X-Goog-Expires=301").replace("Expires=1", "Expires=2")
    assert longer != good
    assert requests.get(longer).status_code == 403
    assert (
        requests.get(url("perennial-reader", name, expiration=dt.timedelta(seconds=-60))).status_code == 400
    )


def test_token_endpoint_refuses_what_is_no_assertion_of_an_account(strict: Any) -> None:
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    for form, error in (
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": grant}, "invalid_grant"),
        ({"grant_type": grant, "assertion": "a.b.c"}, "invalid_grant"),
        ({"grant_type": grant, "assertion": strict.token()}, "invalid_grant"),
    ):
        answer = httpx.post(f"{strict.url}/token", data=form)
        assert (answer.status_code, answer.json()["error"]) == (400, error)
