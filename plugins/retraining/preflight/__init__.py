"""What a deployment needs before its first run: each thing with the command that mends its lack."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from contract import ContractError
from contract.naming import DEFAULT_DEPLOYMENT
from retraining.context import GoogleServices
from retraining.errors import ConfigurationError
from retraining.google.dataflow_jobs import SDISTS
from retraining.google.project import UNLIMITED, Project, Subnetwork, Unseen, ask, is_within, repository_of
from retraining.job_spec import Training, image_for, unusable

ACCOUNT = "perennial-airflow"
APIS = tuple(
    f"{name}.googleapis.com"
    for name in (
        *("aiplatform", "artifactregistry", "cloudresourcemanager", "compute", "dataflow", "iam"),
        *("iamcredentials", "logging", "monitoring", "serviceusage", "storage"),
    )
)
PARTS = ("apis", "bucket", "permissions", "accounts", "networks", "registry", "images", "packages", "quotas")
State = Literal["there", "missing", "unknown"]
_OWN_DOMAIN = ".iam.gserviceaccount.com"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a deployment needs.

    Attributes:
        subject: what it is.
        state: whether it is there.
        reason: what was expected and received, where it isn't there or can't be seen.
        command: mends it; words in capitals stand for what only you know.
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
    """

    bucket: Mapping[str, Sequence[str]]
    project: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, file: Path) -> Rights:
        """Return the rights that a file gives.

        Raises:
            ConfigurationError: it can't be read.
        """
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8"))
            held = document["accounts"][ACCOUNT]["roles"]
            roles = {role: list(document["roles"][role]["permissions"]) for role in held}
        except (OSError, ValueError, KeyError) as error:
            raise ConfigurationError(f"--permissions: expected {file} with {ACCOUNT}: {error!r}") from error
        bucket = {one: names for one, names in roles.items() if all(n.startswith("storage.") for n in names)}
        return cls(bucket=bucket, project={one: roles[one] for one in roles if one not in bucket})


class Preflight:
    """Checks of one deployment; each yields findings.

    Args:
        services: the deployment.
        rights: of Airflow's account.
        trainings: of its DAGs.
    """

    def __init__(self, services: GoogleServices, rights: Rights, trainings: Sequence[Training]) -> None:
        self._settings = services.settings
        self._services = services
        self._project = Project(services.clients)
        self._rights = rights
        self._trainings = trainings
        # As infra/ names the accounts and roles of several deployments in one project.
        deployment = services.settings.deployment
        self._suffix = "" if deployment == DEFAULT_DEPLOYMENT else f"-{deployment}"

    def findings(self, parts: Collection[str] = PARTS) -> Iterator[Finding]:
        """Yield what the deployment needs, in the order in which it is set up.

        Args:
            parts: those of `PARTS` that are looked at.
        """
        for part in PARTS:
            if part in parts:
                yield from getattr(self, f"_{part}")()

    def _apis(self) -> Iterator[Finding]:
        disabled = ask(lambda: self._project.disabled_apis(APIS))
        if isinstance(disabled, Unseen):
            yield _finding("APIs", disabled)
            return
        for api in APIS:
            command = f"gcloud services enable {api} --project={self._settings.project}"
            yield _finding(f"API {api}", api not in disabled, "expected it enabled", command)

    def _bucket(self) -> Iterator[Finding]:
        bucket, region, location = self._settings.bucket, self._settings.region, self._location
        yield _finding(
            f"bucket gs://{bucket}",
            _is_there(location),
            "expected it to exist",
            f"gcloud storage buckets create gs://{bucket} --location={region} --uniform-bucket-level-access"
            f" --public-access-prevention --project={self._settings.project}",
        )
        if isinstance(location, str):
            yield _finding(
                f"region of gs://{bucket}",
                is_within(region, location),
                f"expected it where the jobs are, {region}, received {location}",
                f"export PERENNIAL_REGION={location}" if "-" in location else "export PERENNIAL_BUCKET=OTHER",
            )

    @cached_property
    def _location(self) -> str | Unseen | None:
        """Location of the bucket; None if it isn't there."""
        return ask(lambda: self._project.bucket_location(self._settings.bucket))

    def _permissions(self) -> Iterator[Finding]:
        if self._location is not None:
            for role, names in self._rights.bucket.items():
                yield from self._role(role, names, f"gs://{self._settings.bucket}")
        for role, names in self._rights.project.items():
            yield from self._role(role, names, self._settings.project)

    def _role(self, role: str, names: Sequence[str], resource: str) -> Iterator[Finding]:
        """Yield the permissions of a custom role that the account lacks; if none, one finding for all."""
        project, on_bucket = self._settings.project, resource.startswith("gs://")
        missing = ask(
            lambda: (
                self._project.missing_bucket_permissions(self._settings.bucket, names)
                if on_bucket
                else self._project.missing_permissions(names)
            )
        )
        if isinstance(missing, Unseen) or not missing:
            yield _finding(f"permissions of {role} on {resource}", missing if missing else True)
            return
        role_id = f"{role}{self._suffix.replace('-', '_')}"
        define = f"{role_id} --project={project} --permissions={','.join(sorted(names))}"
        bind = (
            f"gcloud storage buckets add-iam-policy-binding {resource}"
            if on_bucket
            else f"gcloud projects add-iam-policy-binding {resource} --condition=None"
        )
        for permission in missing:
            yield Finding(
                subject=f"{permission} on {resource}",
                state="missing",
                reason=f"expected it for {self._member}",
                command=f"(gcloud iam roles update {define} || gcloud iam roles create {define}) && {bind}"
                f" --member={self._member} --role=projects/{project}/roles/{role_id}",
            )

    def _accounts(self) -> Iterator[Finding]:
        settings = self._settings
        configured = (
            ("PERENNIAL_SERVICE_ACCOUNT", settings.service_account, "perennial-jobs"),
            ("PERENNIAL_SERVING_SERVICE_ACCOUNT", settings.serving_service_account, "perennial-serving"),
        )
        for variable, email, own in configured:
            if email is None:
                yield Finding(
                    subject=variable,
                    state="unknown",
                    reason="expected an account of its own, received nothing: the service's default acts, "
                    "with rights that are not checked here",
                    command=f"export {variable}={self._own(own)}",
                )
                continue
            held = ask(lambda email=email: self._project.may_act_as(email))  # type: ignore[misc]
            account_id, _, domain = email.partition("@")
            create = f"gcloud iam service-accounts create {account_id} --project={settings.project}"
            yield _finding(
                f"service account {email}",
                _is_there(held),
                "expected it to exist",
                create if domain == f"{settings.project}{_OWN_DOMAIN}" else "",
            )
            if isinstance(held, bool):
                yield _finding(
                    f"iam.serviceAccounts.actAs on {email}",
                    held,
                    f"expected it for {self._member}",
                    f"gcloud iam service-accounts add-iam-policy-binding {email} --member={self._member}"
                    " --role=roles/iam.serviceAccountUser",
                )

    def _networks(self) -> Iterator[Finding]:
        dataflow, training = self._settings.infrastructure.dataflow, self._settings.infrastructure.training
        name = dataflow.network or "default"
        if dataflow.subnetwork:
            yield from self._subnetwork(dataflow.subnetwork)
        elif dataflow.use_public_ips:
            yield _finding(
                f"network {name}",
                _is_there(ask(lambda: self._project.network(name))),
                "expected it to exist, or another one in the file of PERENNIAL_INFRASTRUCTURE_FILE",
                f"gcloud compute networks create {name} --project={self._settings.project}",
            )
        else:  # Dataflow takes the subnetwork of an automatic network's name
            yield from self._subnetwork(f"regions/{self._settings.region}/subnetworks/{name}")
        if training.network_attachment:
            path = training.network_attachment
            _, project, _, region, _, attachment = path.split("/")
            yield _finding(
                f"network attachment {path}",
                ask(lambda: self._project.has_network_attachment(path)),
                "expected it to exist",
                f"gcloud compute network-attachments create {attachment} --region={region}"
                f" --project={project} --connection-preference=ACCEPT_AUTOMATIC --subnets=SUBNETWORK",
            )
        if training.network:
            _, number, _, _, peered = training.network.split("/")
            network = ask(lambda: self._project.network(peered, project=number))
            yield _finding(
                f"network {peered} of project {number}, peered with Google's services",
                network if isinstance(network, Unseen) else network is not None and network.is_peered,
                "expected it to exist, and the peering servicenetworking-googleapis-com",
                "gcloud services vpc-peerings connect --service=servicenetworking.googleapis.com"
                f" --network={peered} --project={number} --ranges=RANGE",
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
        found = ask(lambda: self._project.subnetwork(region, name, project=project))
        command = "gcloud compute networks subnets"
        where = f"{name} --region={region} --project={project} --enable-private-ip-google-access"
        create = f"{command} create {where} --network=NETWORK --range=RANGE"
        yield _finding(f"subnetwork {name} in {region}", _is_there(found), "expected it to exist", create)
        if isinstance(found, Subnetwork) and not self._settings.infrastructure.dataflow.use_public_ips:
            yield _finding(
                f"Private Google Access of subnetwork {name}",
                found.has_private_access,
                "expected it: workers have no external addresses",
                f"{command} update {where}",
            )

    def _registry(self) -> Iterator[Finding]:
        for project, location, name in filter(None, {repository_of(uri): None for uri in self._wanted()}):
            yield _finding(
                f"repository {location}-docker.pkg.dev/{project}/{name}",
                ask(lambda at=(project, location, name): self._project.has_repository(*at)),  # type: ignore[misc]
                "expected it in Artifact Registry",
                f"gcloud artifacts repositories create {name} --repository-format=docker"
                f" --location={location} --project={project}",
            )

    def _wanted(self) -> list[str]:
        """Return the images that the deployment names and its trainings need."""
        beam = self._settings.infrastructure.dataflow.container_image
        wanted = [self._settings.serving_image, *([beam] if beam else [])]
        for training in self._trainings:
            with suppress(ConfigurationError):
                wanted.append(image_for(training.tier, training.program, self._settings))
        return list(dict.fromkeys(wanted))

    def _images(self) -> Iterator[Finding]:
        settings = self._settings
        beam = settings.infrastructure.dataflow.container_image
        targets = {settings.trainer_image: "trainer", settings.trainer_gpu_image: "trainer-gpu"}
        targets |= {settings.trainer_tpu_image or "": "trainer-tpu"}
        targets |= {settings.serving_image: "serving", beam or "": "beam"}
        for training in self._trainings:
            why = unusable(training.tier, settings, training.program, {})
            if why is not None:
                kind = "batch size" if isinstance(why, ContractError) else "image"
                subject = f"{kind} for tier {training.tier.name}"
                # Runs pass over a fallback that they can't use.
                yield Finding(
                    subject=subject, state="unknown" if training.is_fallback else "missing", reason=str(why)
                )
        for uri in self._wanted():
            target = targets.get(uri) or ("autoencoder" if "/autoencoder:" in uri else "")
            build = f"docker build --target {target} -t {uri} . && docker push {uri}"
            found = ask(lambda uri=uri: self._project.has_image(uri))  # type: ignore[misc]
            yield _finding(
                f"image {uri}",
                Unseen("another registry than Artifact Registry is not asked") if found is None else found,
                "expected it in Artifact Registry",
                build if target and "@" not in uri else "",
            )

    def _packages(self) -> Iterator[Finding]:
        folder = self._settings.packages
        if self._settings.infrastructure.dataflow.container_image:
            return
        in_bucket = folder.startswith("gs://")
        names = ask(lambda: self._files(folder))
        if isinstance(names, Unseen):
            yield _finding(f"packages in {folder}", names)
            return
        if in_bucket:
            copy = f" && gcloud storage cp dist/perennial_*.tar.gz {folder.rstrip('/')}/"
        elif Path(folder).resolve() == Path("dist").resolve():  # where they are made
            copy = ""
        else:
            copy = f" && mkdir -p '{folder}' && cp dist/perennial_*.tar.gz '{folder}'"
        for pattern in SDISTS:
            matching = sorted(name for name in names if Path(name).match(pattern))
            yield _finding(
                f"{pattern} in {folder}",
                len(matching) == 1,
                f"expected one file, received {', '.join(matching) or 'none'}",
                "" if matching else f"make packages{copy}",
            )

    def _quotas(self) -> Iterator[Finding]:
        region, project = self._settings.region, self._settings.project
        quotas = ask(self._project.quotas)
        if isinstance(quotas, Unseen):
            yield _finding("quotas", quotas)
            return
        needed: dict[tuple[str, str], int] = {}
        for one in self._trainings:
            for metric, count in one.tier.quotas(spot=one.spot).items():
                key = one.tier.name, metric
                needed[key] = max(needed.get(key, 0), count * one.jobs)
        for (tier, metric), count in needed.items():
            limit = quotas.get(metric)
            yield _finding(
                f"quota {metric} for tier {tier}",
                Unseen("no such quota is listed") if limit is None else limit == UNLIMITED or limit >= count,
                f"expected {count} or more in {region}, received {limit}",
                f"# ask for {count}: https://console.cloud.google.com/iam-admin/quotas?project={project}",
            )

    def _files(self, folder: str) -> list[str]:
        if folder.startswith("gs://"):
            listed = self._services.storage.list(folder.rstrip("/") + "/")
            return [found.name for found in listed if "/" not in found.name]
        return [file.name for file in Path(folder).iterdir()] if Path(folder).is_dir() else []

    @property
    def _member(self) -> str:
        """Principal of the grants: the connection's account, or the one that infra/ makes."""
        email = getattr(self._services.clients.credentials, "service_account_email", None)
        # A machine's own is called "default" until its first token; a person's has none.
        return f"serviceAccount:{email if email and '@' in email else self._own(ACCOUNT)}"

    def _own(self, account: str) -> str:
        return f"{account}{self._suffix}@{self._settings.project}{_OWN_DOMAIN}"


def _is_there(answer: object) -> bool | Unseen:
    return answer if isinstance(answer, Unseen) else answer is not None


def _finding(subject: str, is_there: object, reason: str = "", command: str = "") -> Finding:
    if isinstance(is_there, Unseen):
        return Finding(subject=subject, state="unknown", reason=is_there.reason)
    if is_there:
        return Finding(subject=subject, state="there")
    return Finding(subject=subject, state="missing", reason=reason, command=command)
