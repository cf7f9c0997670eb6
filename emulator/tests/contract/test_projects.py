"""What a project has, asked by Google's discovery-based clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from googleapiclient import discovery
from googleapiclient.errors import HttpError

REPOSITORY = "projects/p/locations/us-central1/repositories/tests"
PATHS = {"compute": "/compute/v1/"}


@pytest.fixture
def api(emulator_factory: Callable[..., Any], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts an emulator whose account `reader` holds some rights, and makes the client of an API for it."""
    accounts = tmp_path / "accounts.toml"
    held = "".join(f'"{name}" = "x"\n' for name in ("compute.networks.get", "dataflow.jobs.list"))
    accounts.write_text(
        '[accounts.reader]\ntitle = "R"\nroles = ["some"]\nacts_as = ["trainer"]\n'
        '[accounts.trainer]\ntitle = "T"\nroles = ["some"]\n'
        f'[roles.some]\ntitle = "S"\n[roles.some.permissions]\n{held}'
    )
    with ExitStack() as stack:
        started: dict[tuple[str, ...], Any] = {}

        def make(name: str, version: str, *arguments: str, account: str = "owner") -> Any:
            if arguments not in started:
                started[arguments] = emulator_factory("--accounts", str(accounts), *arguments)
            emulator = started[arguments]
            client = discovery.build(
                name, version,
                credentials=emulator.credentials_of(account),
                client_options={"api_endpoint": emulator.url + PATHS.get(name, "")},
                static_discovery=True, cache_discovery=False,
            )  # fmt: skip
            return stack.enter_context(closing(client))

        yield make


def status_of(request: Any) -> int:
    with pytest.raises(HttpError) as refused:
        request.execute()
    return int(refused.value.status_code)


def test_apis_are_enabled_but_those_that_are_not_and_these_refuse(api: Any) -> None:
    flags = ("--disable-api", "dataflow.googleapis.com")
    services = api("serviceusage", "v1", *flags).services()
    names = [f"projects/p/services/{name}.googleapis.com" for name in ("storage", "dataflow")]
    answer = services.batchGet(parent="projects/p", names=names).execute()
    assert [service["state"] for service in answer["services"]] == ["ENABLED", "DISABLED"]
    for wrong in ([], ["projects/q/services/storage.googleapis.com"], names * 16):
        assert status_of(services.batchGet(parent="projects/p", names=wrong)) == 400
    jobs = api("dataflow", "v1b3", *flags).projects().locations().jobs()
    with pytest.raises(HttpError, match="has not been used in project perennial-local before") as refused:
        jobs.list(projectId="p", location="us-central1").execute()
    assert (refused.value.status_code, refused.value.error_details[0]["reason"]) == (403, "SERVICE_DISABLED")


def test_permissions_are_those_of_the_caller(api: Any) -> None:
    asked = ["compute.networks.get", "dataflow.jobs.create", "dataflow.jobs.list"]
    for account, held in (("owner", asked), ("reader", [asked[0], asked[2]])):
        projects = api("cloudresourcemanager", "v3", account=account).projects()
        answer = projects.testIamPermissions(resource="projects/p", body={"permissions": asked}).execute()
        assert answer["permissions"] == held
    nothing = projects.testIamPermissions(resource="projects/p", body={"permissions": asked[1:2]})
    assert nothing.execute() == {}
    assert status_of(projects.testIamPermissions(resource="projects/p", body={"permissions": "x"})) == 400


def test_right_to_act_as_an_account_is_asked_of_that_account(api: Any) -> None:
    accounts = api("iam", "v1", account="reader").projects().serviceAccounts()

    def ask(account_id: str, project: str = "perennial-local") -> Any:
        name = f"projects/{project}/serviceAccounts/{account_id}@perennial-local.iam.gserviceaccount.com"
        return accounts.testIamPermissions(resource=name, body={"permissions": ["iam.serviceAccounts.actAs"]})

    assert ask("trainer").execute() == {"permissions": ["iam.serviceAccounts.actAs"]}
    assert ask("reader").execute() == {}
    assert status_of(ask("nobody")) == 404
    # By the wildcard, Google doesn't tell what there isn't from what may not be seen.
    assert status_of(ask("nobody", "-")) == 403


def test_networks_and_subnetworks_are_those_of_the_command_line(api: Any) -> None:
    flags = ("--network", "corp", "--subnetwork", "ml")
    compute = api("compute", "v1", *flags)
    assert compute.networks().get(project="p", network="corp").execute()["name"] == "corp"
    assert status_of(compute.networks().get(project="p", network="default")) == 404
    for name, is_private in (("corp", False), ("ml", True)):
        found = compute.subnetworks().get(project="p", region="us-central1", subnetwork=name).execute()
        assert found["privateIpGoogleAccess"] is is_private
    assert status_of(compute.subnetworks().get(project="p", region="r", subnetwork="default")) == 404
    attachments = compute.networkAttachments()
    assert status_of(attachments.get(project="p", region="r", networkAttachment="ml")) == 404


def test_methods_ask_for_their_permission(api: Any) -> None:
    compute = api("compute", "v1", account="reader")
    assert compute.networks().get(project="p", network="default").execute()
    assert status_of(compute.subnetworks().get(project="p", region="r", subnetwork="default")) == 403


def test_images_are_those_of_the_command_line(api: Any) -> None:
    registry = api("artifactregistry", "v1", "--image", "tests/trainer=trainer.task")
    packages = registry.projects().locations().repositories().packages()
    tag = packages.tags().get(name=f"{REPOSITORY}/packages/trainer/tags/0.1.0").execute()
    assert tag["name"].endswith("/tags/0.1.0")
    assert tag["version"].startswith(f"{REPOSITORY}/packages/trainer/versions/sha256:")
    assert packages.versions().get(name=tag["version"]).execute()
    assert packages.versions().get(name=f"{REPOSITORY}/packages/trainer/versions/sha256:00").execute()
    assert status_of(packages.tags().get(name=f"{REPOSITORY}/packages/server/tags/0.1.0")) == 404


def test_repositories_are_all_or_those_of_the_command_line(api: Any) -> None:
    for arguments, found in (((), True), (("--repository", "others"), False)):
        repositories = api("artifactregistry", "v1", *arguments).projects().locations().repositories()
        if found:
            assert repositories.get(name=REPOSITORY).execute()["format"] == "DOCKER"
        else:
            assert status_of(repositories.get(name=REPOSITORY)) == 404
            others = REPOSITORY.replace("/tests", "/others")
            assert repositories.get(name=others).execute()["name"] == others


def test_quotas_are_those_of_the_command_line(api: Any) -> None:
    metrics = api("serviceusage", "v1beta1", "--quota", "NVIDIA_TESLA_T4=2").services().consumerQuotaMetrics()
    found = metrics.list(parent="projects/p/services/aiplatform.googleapis.com").execute()["metrics"]
    limits = {
        metric["metric"].rpartition("/")[2]: metric["consumerQuotaLimits"][0]["quotaBuckets"][0]
        for metric in found
    }
    limited = {name: bucket["effectiveLimit"] for name, bucket in limits.items()}
    assert {name: limit for name, limit in limited.items() if limit != "-1"} == {
        "custom_model_training_nvidia_t4_gpus": "2",
        "custom_model_training_preemptible_nvidia_t4_gpus": "2",
    }
    assert {"custom_model_training_cpus", "custom_model_training_nvidia_h100_gpus"} <= limited.keys()
    assert metrics.list(parent="projects/p/services/storage.googleapis.com").execute() == {"metrics": []}
