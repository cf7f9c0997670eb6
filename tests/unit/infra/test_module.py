"""The module as Terraform makes it of the provider's schema: a stand-in has the provider's place."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract import ContractError, ServingSpec, naming
from contract.naming import check_deployment_name
from local import accounts
from retraining.housekeeping import RetentionPolicy
from retraining.infrastructure import (
    DataflowWorkers,
    Fallback,
    Infrastructure,
    TrainingJobs,
    load_infrastructure,
)
from retraining.removal import TEMPORARY
from retraining.settings import Settings
from terraform_provider import GoogleProvider, running

INFRA = Path(__file__).parents[3] / "infra"
PERMISSIONS = INFRA / "permissions.toml"
ENVIRONMENTS = ("dev", "prod")
REQUIRED = {"project": "my-project", "region": "europe-west4"}
KEY = "projects/p/locations/europe-west4/keyRings/ml/cryptoKeys/data"
EVERYTHING: dict[str, Any] = {
    **REQUIRED,
    "deployment": "production1",
    "labels": {"team": "ml"},
    "kms_key": KEY,
    "create_network": True,
    "kubernetes": {"namespace": "airflow", "service_account": "worker"},
    "dataflow": {
        "use_public_ips": False, "machine_type": "n2-standard-4", "max_workers": 12, "disk_size_gb": 50,
        "flexrs": True, "container_image": "europe-west4-docker.pkg.dev/p/perennial/beam:0.1.0",
        "python": "/opt/beam/bin/python",
    },
    "training": {
        "network_attachment": "projects/p/regions/europe-west4/networkAttachments/ml", "wait_minutes": 480,
        "fallback": {
            "L4": [{"after_minutes": 30, "spot": False}, {"after_minutes": 60, "tier": "A100"}], "A100": [],
        },
    },
    "serving": {"machine_type": "n2-standard-4", "max_replicas": 3, "dedicated_endpoint": True},
    "tiers": '[tiers.OURS]\npools = [{ machine_type = "n2-standard-8", dollars_per_hour = 0.3 }]\n',
    "source_root": "gs://raw/",
    "trainer_tpu_image": "europe-west4-docker.pkg.dev/p/tpu/trainer:1",
    "alert_emails": ["a@example.com", "b@example.com"],
    "heartbeat": {
        "hours": 2, "filter": 'log_id("airflow-scheduler")', "resource_type": "cloud_composer_environment",
    },
    "budget": {"billing_account": "012345-6789AB-CDEF01", "amount": 500},
}  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on PATH"),
]


class Terraform:
    """Terraform in a copy of `infra/`.

    Args:
        folder: of the copy.
        environment: with the address of the provider.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = {**environment, "PATH": os.environ["PATH"], "HOME": str(folder)}
        self._environment |= {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        self._states = 0

    def __call__(self, root: str, *arguments: str, expected: int = 0) -> str:
        done = subprocess.run(
            ["terraform", f"-chdir={self.folder / root}", *arguments],
            env=self._environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout + done.stderr

    def refusal(self, **variables: Any) -> str:
        """Return the errors of a plan that fails."""
        return self("modules/perennial", "plan", "-no-color", *self._given(variables), expected=1)

    def apply(self, **variables: Any) -> Applied:
        """Create everything in a state of its own, and find nothing left to do."""
        self._states += 1
        state = str(self.folder / f"{self._states}.tfstate")
        given = [f"-state={state}", *self._given(variables)]
        self("modules/perennial", "apply", "-auto-approve", "-no-color", *given)
        self("modules/perennial", "plan", "-detailed-exitcode", *given)
        return Applied(json.loads(self("modules/perennial", "show", "-json", state))["values"])

    def _given(self, variables: dict[str, Any]) -> list[str]:
        file = self.folder / "variables.tfvars.json"
        file.write_text(json.dumps({**REQUIRED, **variables}))
        return ["-input=false", f"-var-file={file}"]


class Applied:
    """State that Terraform left.

    Args:
        values: of it, as Terraform shows them.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.outputs = {name: one["value"] for name, one in values["outputs"].items()}
        self._resources = values["root_module"]["resources"]

    def all(self, type_: str, name: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the resources of a type, by their addresses."""
        return {
            one["address"]: one["values"]
            for one in self._resources
            if one["type"] == type_ and name in {None, one["name"]} and one["mode"] == "managed"
        }

    def one(self, type_: str) -> dict[str, Any]:
        """Return the only resource of a type."""
        (only,) = self.all(type_).values()
        return only

    @property
    def count(self) -> Counter[str]:
        """Number of resources of each type."""
        return Counter(one["type"] for one in self._resources)


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    folder = tmp_path_factory.mktemp("terraform") / "infra"
    shutil.copytree(INFRA, folder, ignore=shutil.ignore_patterns(".terraform*"))
    schema = json.loads((INFRA / "schema" / "google.json").read_text())
    with running(GoogleProvider(schema)) as environment:
        program = Terraform(folder, environment)
        for root in ("modules/perennial", *(f"envs/{name}" for name in ENVIRONMENTS)):
            program(root, "init", "-backend=false", "-input=false")
        yield program


@pytest.fixture(scope="module")
def plain(terraform: Terraform) -> Applied:
    return terraform.apply()


@pytest.fixture(scope="module")
def full(terraform: Terraform) -> Applied:
    return terraform.apply(**EVERYTHING)


def test_files_are_formatted(terraform: Terraform) -> None:
    terraform(".", "fmt", "-check", "-recursive", "-diff")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment_is_valid(terraform: Terraform, name: str) -> None:
    found = json.loads(terraform(f"envs/{name}", "validate", "-json"))
    assert found["diagnostics"] == []


def test_only_what_is_asked_for_costs_or_calls(plain: Applied) -> None:
    optional = {
        "google_billing_budget", "google_compute_firewall", "google_compute_network",
        "google_compute_subnetwork", "google_kms_crypto_key_iam_member", "google_monitoring_alert_policy",
        "google_monitoring_notification_channel", "google_artifact_registry_repository_iam_member",
        "google_logging_metric",
    }  # fmt: skip
    assert plain.count.keys() & optional == set()


def test_everything_can_be_asked_for(full: Applied) -> None:
    schema = json.loads((INFRA / "schema" / "google.json").read_text())
    assert full.count.keys() == {*schema["resource"], *schema["data"]}


@pytest.mark.parametrize("which", ["plain", "full"])
def test_accounts_have_exactly_the_rights_of_permissions_toml(
    which: str, request: pytest.FixtureRequest
) -> None:
    applied: Applied = request.getfixturevalue(which)
    names = {email: name for name, email in applied.outputs["accounts"].items()}
    roles = {
        one["name"]: one["permissions"] for one in applied.all("google_project_iam_custom_role").values()
    }
    given: set[tuple[str, str, str]] = set()
    for type_, place in (
        ("google_project_iam_member", "project"),
        ("google_storage_bucket_iam_member", "bucket"),
    ):
        for one in applied.all(type_).values():
            account = names[one["member"].removeprefix("serviceAccount:")]
            given |= {(account, right, place) for right in roles.get(one["role"], [one["role"]])}
    for one in applied.all("google_service_account_iam_member", "grant").values():
        account, on = (
            names[one["member"].removeprefix("serviceAccount:")],
            names[one["service_account_id"].rpartition("/")[2]],
        )
        given |= {(account, right, on) for right in roles[one["role"]]}
    wanted = {
        (right.account, right.permission, "bucket" if right.permission.startswith("storage.") else "project")
        for right in accounts.granted(PERMISSIONS)
        if right.role
    }
    for right in accounts.granted(PERMISSIONS):
        wanted |= {(right.account, right.permission, on) for on in _others(right)}
    wanted |= {
        (name, role, "project")
        for name, google in accounts.google_roles(PERMISSIONS).items()
        for role in google
    }
    assert given == wanted


def _others(right: accounts.Right) -> list[str]:
    return [] if right.role else right.reason.removeprefix("on ").split(", ")


def test_every_role_is_granted_to_somebody(full: Applied) -> None:
    granted = {
        one["role"]
        for type_ in full.count
        if type_.endswith("_iam_member")
        for one in full.all(type_).values()
    }
    assert {one["name"] for one in full.all("google_project_iam_custom_role").values()} <= granted


def test_deployments_in_a_project_share_no_name(plain: Applied, full: Applied) -> None:
    for type_, key, longest in (
        ("google_service_account", "account_id", 30),
        ("google_project_iam_custom_role", "role_id", 64),
        ("google_storage_bucket", "name", 63),
        ("google_logging_project_sink", "name", 100),
        ("google_logging_project_bucket_config", "bucket_id", 100),
    ):
        one, other = ({each[key] for each in applied.all(type_).values()} for applied in (plain, full))
        assert not one & other
        assert max(map(len, one | other)) <= longest


@pytest.mark.parametrize("which", ["plain", "full"])
def test_environment_is_one_that_settings_take(which: str, request: pytest.FixtureRequest) -> None:
    environment = request.getfixturevalue(which).outputs["environment"]
    assert environment.keys() <= {f"PERENNIAL_{name.upper()}" for name in Settings.model_fields}
    settings = Settings.from_environment(environment)
    for name in Settings.model_fields:
        if f"PERENNIAL_{name.upper()}" in environment:
            assert str(getattr(settings, name)) == environment[f"PERENNIAL_{name.upper()}"]


def test_defaults_are_those_of_the_settings(plain: Applied) -> None:
    environment = plain.outputs["environment"]
    least = {name: environment[f"PERENNIAL_{name}"] for name in ("PROJECT", "REGION", "BUCKET", "PACKAGES")}
    default = Settings.from_environment({f"PERENNIAL_{name}": value for name, value in least.items()})
    given = Settings.from_environment(environment)
    differing = {name for name in Settings.model_fields if getattr(default, name) != getattr(given, name)}
    assert differing == {"service_account", "serving_service_account", "infrastructure_file"}


def test_infrastructure_file_without_wishes_says_what_is_default_anyway(
    plain: Applied, tmp_path: Path
) -> None:
    file = tmp_path / "infrastructure.toml"
    file.write_text(plain.outputs["infrastructure_file"])
    assert load_infrastructure(str(file)) == Infrastructure()


def test_infrastructure_file_says_every_wish(full: Applied, tmp_path: Path) -> None:
    file = tmp_path / "infrastructure.toml"
    file.write_text(full.outputs["infrastructure_file"])
    subnetwork = "regions/europe-west4/subnetworks/perennial-production1"
    asked = EVERYTHING["training"]["fallback"]
    fallback = {tier: tuple(Fallback(**step) for step in steps) for tier, steps in asked.items()}
    assert load_infrastructure(str(file)) == Infrastructure(
        dataflow=DataflowWorkers(**EVERYTHING["dataflow"], subnetwork=subnetwork),
        training=TrainingJobs(**{**EVERYTHING["training"], "fallback": fallback}),
        serving=ServingSpec(**EVERYTHING["serving"]),
        tiers={"OURS": {"pools": [{"machine_type": "n2-standard-8", "dollars_per_hour": 0.3}]}},
        kms_key=KEY,
        labels=EVERYTHING["labels"],
    )


def test_infrastructure_file_has_networks_of_others(terraform: Terraform, tmp_path: Path) -> None:
    dataflow = {"network": "corp", "subnetwork": "regions/europe-west4/subnetworks/ml"}
    training = {"network": "projects/12345/global/networks/corp", "reserved_ip_ranges": ["a", 'b"<é']}
    applied = terraform.apply(dataflow=dataflow, training=training)
    file = tmp_path / "infrastructure.toml"
    file.write_text(applied.outputs["infrastructure_file"])
    assert load_infrastructure(str(file)) == Infrastructure(
        dataflow=DataflowWorkers(**dataflow),
        training=TrainingJobs(network=training["network"], reserved_ip_ranges=("a", 'b"<é')),
    )


def test_module_takes_every_field_of_the_file(terraform: Terraform) -> None:
    import hcl2  # its values are read in test_files, too

    with (terraform.folder / "modules/perennial/variables.tf").open() as stream:
        text = hcl2.load(stream)
    types = {name.strip('"'): one["type"] for block in text["variable"] for name, one in block.items()}
    for name, fields in (("dataflow", DataflowWorkers), ("training", TrainingJobs), ("serving", ServingSpec)):
        for field in dataclasses.fields(fields):
            assert f"{field.name} = optional(" in " ".join(types[name].split())


def test_bucket_is_private_in_the_region_and_keeps_what_is_replaced(full: Applied) -> None:
    bucket = full.one("google_storage_bucket")
    assert bucket["location"] == "EUROPE-WEST4"
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["force_destroy"] is False
    assert bucket["versioning"] == [{"enabled": True}]
    assert bucket["encryption"] == [{"default_kms_key_name": KEY}]
    assert bucket["labels"] == {"team": "ml", "perennial_deployment": "production1"}


def test_live_objects_go_only_from_dataflows_folders_and_after_housekeeping(plain: Applied) -> None:
    rules = plain.one("google_storage_bucket")["lifecycle_rule"]
    deleting = [rule["condition"][0] for rule in rules if rule["action"][0]["type"] == "Delete"]
    (live,) = (one for one in deleting if one["with_state"] != "ARCHIVED")
    (archived,) = (one for one in deleting if one["with_state"] == "ARCHIVED")
    folders = {naming.dataflow_folder("b", purpose).removeprefix("gs://b/") for purpose in TEMPORARY}
    assert set(live["matches_prefix"]) == folders
    assert live["age"] > RetentionPolicy().temporary_days
    assert archived["days_since_noncurrent_time"] >= 1


def test_alerts_go_to_everybody_and_look_at_metrics_of_ours(full: Applied) -> None:
    channels = full.all("google_monitoring_notification_channel").values()
    assert {one["labels"]["email_address"] for one in channels} == set(EVERYTHING["alert_emails"])
    policies = full.all("google_monitoring_alert_policy")
    assert len(policies) == 5
    (metric,) = full.all("google_logging_metric").values()
    for policy in policies.values():
        assert len(policy["notification_channels"]) == 2
        (condition,) = policy["conditions"]
        ((kind,),) = (value for name, value in condition.items() if name.startswith("condition_") and value)
        is_of_log = bool(condition["condition_matched_log"])
        assert kind["filter"].count("resource.type=") == 1
        assert kind["filter"].count("metric.type=") == (not is_of_log)
        assert bool(policy["alert_strategy"]) == is_of_log
        own = kind["filter"].partition("logging.googleapis.com/user/")[2]
        assert own.strip('"') in {"", metric["name"]}


def test_silence_is_noticed_after_the_hours_asked_for(full: Applied) -> None:
    (policy,) = full.all("google_monitoring_alert_policy", "silence").values()
    (condition,) = policy["conditions"][0]["condition_absent"]
    assert condition["duration"] == "7200s"
    assert "cloud_composer_environment" in condition["filter"]


def test_silence_is_by_default_that_of_airflows_account(terraform: Terraform) -> None:
    applied = terraform.apply(heartbeat={"hours": 23}, alert_emails=["a@example.com"])
    assert applied.outputs["accounts"]["perennial-airflow"] in applied.one("google_logging_metric")["filter"]


def test_workers_of_the_own_network_reach_each_other_and_google(full: Applied) -> None:
    assert full.one("google_compute_subnetwork")["private_ip_google_access"] is True
    firewall = full.one("google_compute_firewall")
    assert firewall["allow"] == [{"protocol": "tcp", "ports": ["12345-12346"]}]
    assert firewall["source_tags"] == firewall["target_tags"] == ["dataflow"]
    assert firewall["source_ranges"] is None


def test_pod_acts_as_airflow_alone(full: Applied) -> None:
    (one,) = full.all("google_service_account_iam_member", "kubernetes").values()
    assert one["member"] == "serviceAccount:my-project.svc.id.goog[airflow/worker]"
    assert one["service_account_id"].endswith(full.outputs["accounts"]["perennial-airflow"])


@pytest.mark.parametrize(
    "name",
    [
        "default", "dev", "a", "a-1", "production1", "production12", "", "Dev", "-a", "a-", "a--b", "1a",
        "a_b",
    ],
)  # fmt: skip
def test_deployment_is_refused_where_the_contract_refuses_it(terraform: Terraform, name: str) -> None:
    try:
        check_deployment_name(name)
    except ContractError:
        assert "var.deployment is" in terraform.refusal(deployment=name)
    else:
        terraform.apply(deployment=name)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("project", "My-Project"),
        ("region", "europe-west4-a"),
        ("region", "EU"),
        ("labels", {"Team": "x"}),
        ("bucket", "gs://b"),
        ("noncurrent_days", 0),
        ("noncurrent_days", 1.5),
        ("soft_delete_days", 3),
        ("soft_delete_days", 91),
        ("scratch_days", 6),
        ("scratch_prefixes", ["dataflow"]),
        ("image_tag", "a:b"),
        ("untagged_days", 0),
        ("keep_images", 0),
        ("kubernetes", {"namespace": "", "service_account": "a"}),
        ("kms_key", "data"),
        ("subnetwork_range", "10.0.0.0"),
        ("subnetwork_range", "10.0.0.0/30"),
        ("dataflow", {"use_public_ips": False}),
        ("dataflow", {"max_workers": 0}),
        ("dataflow", {"subnetwork": "ml"}),
        ("training", {"network": "corp"}),
        ("training", {"reserved_ip_ranges": ["a"]}),
        ("training", {"network_attachment": "a"}),
        ("infrastructure_path", "infrastructure.toml"),
        ("log_retention_days", 0),
        ("alert_emails", ["nobody"]),
        ("most_errors", 1),
        ("longest_latency_ms", 0),
        ("heartbeat", {"hours": 24}),
        ("budget", {"billing_account": "a", "amount": 1}),
        ("budget", {"billing_account": "012345-6789AB-CDEF01", "amount": 0.5}),
    ],
)
def test_wrong_value_is_refused_with_its_variable(terraform: Terraform, variable: str, value: Any) -> None:
    errors = terraform.refusal(**{variable: value})
    assert "Invalid value for variable" in errors
    assert f"var.{variable}" in errors
