"""What a deployment needs before its first run: each thing with the command that mends its lack."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contract import TrainingSpec
from contract.naming import DEFAULT_DEPLOYMENT
from retraining.context import GoogleServices
from retraining.errors import ConfigurationError
from retraining.google.calls import call_errors
from retraining.google.project import NotVisibleError, Project
from retraining.job_spec import image_for
from retraining.operators.convert import SDISTS
from retraining.tiers import Tier

ACCOUNT = "perennial-airflow"
APIS = (
    "aiplatform.googleapis.com",
    "artifactregistry.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "dataflow.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
)
State = Literal["there", "missing", "unknown"]
_MULTI_REGIONS = {"us": "us-", "eu": "europe-", "asia": "asia-"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a deployment needs.

    Attributes:
        subject: what it is.
        state: whether it is there.
        reason: what was expected and received, where it isn't there or can't be seen.
        command: mends it.
    """

    subject: str
    state: State
    reason: str = ""
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Rights:
    """Permissions that `infra/permissions.toml` gives to Airflow's account.

    Attributes:
        bucket: on the bucket: role -> permissions.
        project: on the project: role -> permissions.
        acts_as: accounts that it starts jobs and servers as.
    """

    bucket: dict[str, list[str]]
    project: dict[str, list[str]]
    acts_as: list[str]

    @classmethod
    def read(cls, file: Path) -> Rights:
        """Return the rights that a file gives.

        Raises:
            ConfigurationError: it can't be read.
        """
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8"))
            account = document["accounts"][ACCOUNT]
            roles = {role: list(document["roles"][role]["permissions"]) for role in account["roles"]}
        except (OSError, ValueError, KeyError) as error:
            raise ConfigurationError(f"--permissions: expected {file} with {ACCOUNT}: {error!r}") from error
        on_bucket = {
            role: [one for one in names if one.startswith("storage.")] for role, names in roles.items()
        }
        on_project = {
            role: [one for one in names if not one.startswith("storage.")] for role, names in roles.items()
        }
        return cls(bucket=on_bucket, project=on_project, acts_as=list(account.get("acts_as", [])))


class Preflight:
    """Checks of one deployment; each yields findings.

    Args:
        services: the deployment.
        rights: of Airflow's account.
        trainings: training programs of its DAGs, each with a tier that it runs on.
    """

    def __init__(
        self, services: GoogleServices, rights: Rights, trainings: Sequence[tuple[TrainingSpec, Tier]]
    ) -> None:
        self._settings = services.settings
        self._services = services
        self._project = Project(services.clients)
        self._rights = rights
        self._trainings = trainings
        # As infra/ names the accounts and roles of several deployments in one project.
        deployment = services.settings.deployment
        self._suffix = "" if deployment == DEFAULT_DEPLOYMENT else f"-{deployment}"
        email = getattr(services.clients.credentials, "service_account_email", None)
        self._member = f"serviceAccount:{email or self._own(ACCOUNT)}"

    def findings(self) -> Iterator[Finding]:
        """Yield everything that the deployment needs, in the order in which it is set up."""
        checks: dict[str, Callable[[], Iterator[Finding]]] = {
            "APIs": self._apis,
            "bucket": self._bucket,
            "permissions on the project": self._permissions,
            "service accounts": self._accounts,
            "networks": self._networks,
            "images": self._images,
            "packages of Dataflow's workers": self._packages,
            "quotas": self._quotas,
        }
        for subject, check in checks.items():
            yield from _visible(subject, check)

    def _apis(self) -> Iterator[Finding]:
        disabled = set(self._project.disabled_apis(APIS))
        for api in APIS:
            command = f"gcloud services enable {api} --project={self._settings.project}"
            yield _finding(f"API {api}", api not in disabled, "expected it enabled", command)

    def _bucket(self) -> Iterator[Finding]:
        bucket, region = self._settings.bucket, self._settings.region
        location = self._project.bucket_location(bucket)
        yield _finding(
            f"bucket gs://{bucket}",
            location is not None,
            "expected it to exist",
            f"gcloud storage buckets create gs://{bucket} --location={region} --uniform-bucket-level-access"
            f" --public-access-prevention --project={self._settings.project}",
        )
        if location is None:
            return
        within = location == region or region.startswith(_MULTI_REGIONS.get(location, f"{region}/"))
        yield _finding(
            f"region of gs://{bucket}",
            within,
            f"expected it where the jobs are, {region}, received {location}",
            f"export PERENNIAL_REGION={location}" if "-" in location else "",
        )
        for role, names in self._rights.bucket.items():
            missing = self._project.missing_bucket_permissions(bucket, names) if names else []
            for permission in missing:
                command = f"gcloud storage buckets add-iam-policy-binding gs://{bucket}"
                yield self._missing_permission(permission, f"gs://{bucket}", command, role)

    def _permissions(self) -> Iterator[Finding]:
        project = self._settings.project
        command = f"gcloud projects add-iam-policy-binding {project} --condition=None"
        for role, names in self._rights.project.items():
            missing = self._project.missing_permissions(names) if names else []
            for permission in missing:
                yield self._missing_permission(permission, project, command, role)
            if names and not missing:
                yield Finding(subject=f"permissions of {role} on {project}", state="there")

    def _accounts(self) -> Iterator[Finding]:
        settings = self._settings
        configured = {
            "PERENNIAL_SERVICE_ACCOUNT": settings.service_account,
            "PERENNIAL_SERVING_SERVICE_ACCOUNT": settings.serving_service_account,
        }
        for variable, email in configured.items():
            if email is None:
                yield Finding(
                    subject=variable,
                    state="unknown",
                    reason="expected an account of its own, received nothing: the service's default acts, "
                    "with rights that are not checked here",
                    command=f"export {variable}={self._own(self._rights.acts_as[0])}",
                )
                continue
            with_it = self._project.may_act_as(email)
            account_id, _, domain = email.partition("@")
            create = f"gcloud iam service-accounts create {account_id} --project={domain.partition('.')[0]}"
            bind = (
                f"gcloud iam service-accounts add-iam-policy-binding {email} --member={self._member}"
                " --role=roles/iam.serviceAccountUser"
            )
            yield _finding(f"service account {email}", with_it is not None, "expected it to exist", create)
            if with_it is not None:
                yield _finding(
                    f"iam.serviceAccounts.actAs on {email}", with_it, f"expected it for {self._member}", bind
                )

    def _networks(self) -> Iterator[Finding]:
        infrastructure, own = self._settings.infrastructure, self._settings.project
        if infrastructure.dataflow.subnetwork:
            yield from self._subnetwork(infrastructure.dataflow.subnetwork)
        else:
            name = infrastructure.dataflow.network or "default"
            yield _finding(
                f"network {name}",
                self._project.has_network(name),
                "expected it to exist, or another one in the file of PERENNIAL_INFRASTRUCTURE_FILE",
                f"gcloud compute networks create {name} --subnet-mode=auto --project={own}",
            )
        if infrastructure.training.network_attachment:
            path = infrastructure.training.network_attachment
            _, project, _, region, _, name = path.split("/")
            yield _finding(
                f"network attachment {path}",
                self._project.has_network_attachment(path),
                "expected it to exist",
                f"gcloud compute network-attachments create {name} --region={region} --project={project}"
                " --connection-preference=ACCEPT_AUTOMATIC --subnets=SUBNETWORK",
            )
        if infrastructure.training.network:
            _, number, _, _, name = infrastructure.training.network.split("/")
            yield _finding(
                f"network {name} of project {number}",
                self._project.has_network(name, project=number),
                "expected it to exist, peered with Google's services",
                "gcloud services vpc-peerings connect --service=servicenetworking.googleapis.com"
                f" --network={name} --project={number} --ranges=RANGE",
            )

    def _subnetwork(self, path: str) -> Iterator[Finding]:
        """Yield the findings of Dataflow's subnetwork, `regions/R/subnetworks/NAME` or a shared VPC's URL."""
        *host, _, region, _, name = path.split("/")
        project = host[-1] if host else self._settings.project
        yield _finding(
            f"region of subnetwork {name}",
            region == self._settings.region,
            f"expected it where the jobs are, {self._settings.region}, received {region}",
            f"export PERENNIAL_REGION={region}",
        )
        command = "gcloud compute networks subnets"
        where = f"{name} --region={region} --project={project} --enable-private-ip-google-access"
        subnetwork = self._project.subnetwork(region, name, project=project)
        yield _finding(
            f"subnetwork {name} in {region}",
            subnetwork is not None,
            "expected it to exist",
            f"{command} create {where} --network=NETWORK --range=10.0.0.0/20",
        )
        if subnetwork is not None and not self._settings.infrastructure.dataflow.use_public_ips:
            yield _finding(
                f"Private Google Access of subnetwork {name}",
                subnetwork.has_private_access,
                "expected it: workers have no external addresses",
                f"{command} update {where}",
            )

    def _images(self) -> Iterator[Finding]:
        settings = self._settings
        wanted = {settings.serving_image: "serving"}
        for training, tier in self._trainings:
            try:
                uri = image_for(tier, training, settings)
            except ConfigurationError as error:
                yield Finding(subject=f"image for tier {tier.name}", state="missing", reason=str(error))
            else:
                wanted.setdefault(uri, uri.rpartition("/")[2].partition(":")[0])
        if settings.infrastructure.dataflow.container_image:
            wanted[settings.infrastructure.dataflow.container_image] = "beam"
        for uri, target in wanted.items():
            command = f"docker build --target {target} -t {uri} . && docker push {uri}"
            found = self._project.has_image(uri)
            if found is None:
                yield Finding(
                    subject=f"image {uri}",
                    state="unknown",
                    reason="expected one in Artifact Registry (REGION-docker.pkg.dev), which can be asked",
                )
            else:
                yield _finding(f"image {uri}", found, "expected it in Artifact Registry", command)

    def _packages(self) -> Iterator[Finding]:
        folder = self._settings.packages
        if self._settings.infrastructure.dataflow.container_image:
            return
        if folder.startswith("gs://"):
            files = [Path(found.name) for found in self._services.storage.list(folder.rstrip("/") + "/")]
            copy = f" && gcloud storage cp dist/perennial_*.tar.gz {folder}"
        else:
            files = list(Path(folder).glob("*")) if Path(folder).is_dir() else []
            copy = f" && cp dist/perennial_*.tar.gz {folder}"
        for pattern in SDISTS:
            matching = sorted(file.name for file in files if file.match(pattern))
            yield _finding(
                f"{pattern} in {folder}",
                len(matching) == 1,
                f"expected one file, received {', '.join(matching) or 'none'}",
                f"make packages{copy}" if not matching else f"rm all but one of {', '.join(matching)}",
            )

    def _quotas(self) -> Iterator[Finding]:
        quotas = self._project.quotas()
        region, project = self._settings.region, self._settings.project
        tiers = {tier.name: tier for _, tier in self._trainings}
        for tier in tiers.values():
            for metric, needed in tier.quotas().items():
                limit = quotas.get(metric)
                yield _finding(
                    f"quota {metric} for tier {tier.name}",
                    limit is None or limit >= needed,
                    f"expected {needed} or more in {region}, received {limit}",
                    f"gcloud alpha services quota update --service=aiplatform.googleapis.com"
                    f" --consumer=projects/{project} --metric={metric} --unit=1/{{project}}/{{region}}"
                    f" --dimensions=region={region} --value={needed}",
                )

    def _missing_permission(self, permission: str, resource: str, command: str, role: str) -> Finding:
        return Finding(
            subject=f"{permission} on {resource}",
            state="missing",
            reason=f"expected it for {self._member}",
            command=f"{command} --member={self._member}"
            f" --role=projects/{self._settings.project}/roles/{role}{self._suffix.replace('-', '_')}",
        )

    def _own(self, account: str) -> str:
        return f"{account}{self._suffix}@{self._settings.project}.iam.gserviceaccount.com"


def _is_of_bucket(permission: str) -> bool:
    return permission.startswith("storage.")


def _visible(subject: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield the findings of a check; it ends with an unknown one where the service doesn't tell."""
    from googleapiclient.errors import HttpError

    try:
        yield from check()
    except NotVisibleError as error:
        yield Finding(subject=subject, state="unknown", reason=f"expected to see it, received: {error}")
    except (*call_errors(), HttpError) as error:
        yield Finding(subject=subject, state="unknown", reason=f"expected an answer, received: {error}")


def _finding(subject: str, is_there: bool, reason: str, command: str) -> Finding:
    if is_there:
        return Finding(subject=subject, state="there")
    return Finding(subject=subject, state="missing", reason=reason, command=command)
