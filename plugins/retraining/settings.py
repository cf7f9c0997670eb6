"""Settings of a deployment, read from `PERENNIAL_*` variables when a task starts, never at parse time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json, ValidationError

from contract.naming import DEFAULT_DEPLOYMENT, check_deployment_name
from retraining.errors import ConfigurationError
from retraining.infrastructure import Infrastructure, load_infrastructure
from retraining.tiers import Tier, check_fallbacks, load_tiers

IMAGE_TAG = "0.1.0"
PREFIX = "PERENNIAL_"


def _deployment(name: str) -> str:
    check_deployment_name(name)
    return name


def _without_user(uri: str) -> str:
    if "@" in uri:  # MLflow's client repeats the URI in its errors
        raise ValueError("has user information")
    return uri


class Settings(BaseModel):
    """Settings of one deployment; each has a variable, `PERENNIAL_` with its name in capitals.

    Attributes:
        project: the Google Cloud project.
        region: of data and jobs.
        bucket: holds everything.
        deployment: tells the resources of several deployments in one project apart, `dev` for instance.
        packages: the sdists that Dataflow workers install.
        source_root: root of relative sources; without one, sources are absolute.
        source_prefixes: folders and `gs://` URIs, separated by commas, below which a run's parameter or a
            form can name a source, besides the source root.
        source_hint: ends the error about a missing folder below the source root: the command that fills it.
        image_tag: of our images that are not named; None for this version's.
        trainer_image: runs training jobs.
        trainer_gpu_image: runs those of tiers with GPUs.
        trainer_tpu_image: runs those of tiers with TPUs.
        expect_accelerators: a training job ends at once where its tier's accelerators are missing; off where
            an emulator pretends that they are there.
        serving_image: serves predictions.
        serving_machine: machine type of a deployed model.
        service_account: of jobs; None for the service's default.
        serving_service_account: of deployed models; None for the service's default.
        infrastructure_file: networks, workers, encryption, waiting for machines.
        tiers_file: scale tiers in addition to ours, and in place of those of the same name.
        connection_id: the Airflow connection.
        poll_seconds: the longest interval between polls of a job.
        data_poll_seconds: interval between looks for a partition that is late; a task that waits for it holds
            no worker.
        tensorboard_url: root of a TensorBoard that shows the bucket's logs.
        mlflow_tracking_uri: an MLflow server that runs are logged to; None for none.
        notifier: sends notifications of failures, promotions and late runs; None for no notifications.
        notifier_arguments: its keyword arguments.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    # A description says in errors what is expected.
    project: str = Field(description="a Google Cloud project")
    region: str = Field(description="a region, us-central1 for instance")
    bucket: str = Field(pattern=r"^[^/]+$", description="a name without gs://")
    deployment: Annotated[str, AfterValidator(_deployment)] = Field(
        DEFAULT_DEPLOYMENT, description="at most 11 lower-case letters, digits and single dashes"
    )
    packages: str = Field(description="a folder or gs:// URI with the sdists")
    source_root: str | None = Field(None, description="a folder or gs:// URI")
    source_prefixes: str = Field("", description="folders and gs:// URIs, separated by commas")
    source_hint: str | None = Field(None, description="a sentence")
    image_tag: str | None = Field(None, description="an image's tag")
    trainer_image: str = Field(
        default_factory=lambda data: _image("trainer", data), description="an image's URI"
    )
    trainer_gpu_image: str = Field(
        default_factory=lambda data: _image("trainer-gpu", data), description="an image's URI"
    )
    trainer_tpu_image: str | None = Field(None, description="an image's URI")
    expect_accelerators: bool = Field(True, description="true or false")
    serving_image: str = Field(
        default_factory=lambda data: _image("serving", data), description="an image's URI"
    )
    serving_machine: str = Field("n1-standard-2", description="a machine type")
    service_account: str | None = Field(None, description="an e-mail address")
    serving_service_account: str | None = Field(None, description="an e-mail address")
    infrastructure_file: str | None = Field(None, description="a TOML file")
    tiers_file: str | None = Field(None, description="a TOML file")
    connection_id: str = Field("google_cloud_default", description="the id of an Airflow connection")
    poll_seconds: float = Field(10.0, gt=0, allow_inf_nan=False, description="more than 0 seconds")
    data_poll_seconds: float = Field(900.0, gt=0, allow_inf_nan=False, description="more than 0 seconds")
    tensorboard_url: str | None = Field(None, description="a URL")
    mlflow_tracking_uri: Annotated[str, AfterValidator(_without_user)] | None = Field(
        None,
        description="a URI that MLflow's client takes, without an @ (user and password are "
        "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD)",
    )
    notifier: str | None = Field(None, description="the class of an Airflow notifier, with its module")
    notifier_arguments: Json[dict[str, Any]] = Field({}, description="a JSON object")

    @cached_property
    def infrastructure(self) -> Infrastructure:
        """What the file of infrastructure says.

        Raises:
            ConfigurationError: the file can't be read.
            ContractError: a field has a value that it can't have.
        """
        return load_infrastructure(self.infrastructure_file)

    @cached_property
    def tiers(self) -> dict[str, Tier]:
        """Scale tiers by name: ours, and those of the files of tiers and of infrastructure.

        Raises:
            ConfigurationError: a file can't be read.
            ContractError: a field has a value that it can't have.
        """
        tiers = load_tiers(self.tiers_file, self.infrastructure.tiers)
        check_fallbacks(self.infrastructure.training.fallback, tiers)
        return tiers

    @property
    def trainer_version(self) -> str:
        """Version of the trainer: its image's tag, of an image named by digest that of our images."""
        version = self.trainer_image.rpartition(":")[2]
        return self.image_tag or version if "@" in self.trainer_image else version

    @property
    def requestable_sources(self) -> tuple[str, ...]:
        """Folders and `gs://` URIs below which a run can name a source."""
        prefixes = [prefix.strip() for prefix in self.source_prefixes.split(",")]
        return tuple(filter(None, [self.source_root, *prefixes]))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings that the variables hold.

        Raises:
            ConfigurationError: a variable is missing or has an invalid value; the error names it.
        """
        variables = {name: PREFIX + name.upper() for name in cls.model_fields}
        given = {name: environment.get(variable, "").strip() for name, variable in variables.items()}
        try:
            return cls.model_validate({name: text for name, text in given.items() if text})
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            expected = cls.model_fields[name].description
            text = given[name]
            text = "…" + text[text.rindex("@") :] if "@" in text else text  # a password may be before it
            received = repr(text) if text else "nothing"
            raise ConfigurationError(
                f"{variables[name]}: expected {expected}, received {received}"
            ) from error


def _image(name: str, settings: Mapping[str, Any]) -> str:
    """Return the URI of one of our images in the deployment's Artifact Registry."""
    region, project = settings.get("region"), settings.get("project")
    tag = settings.get("image_tag") or IMAGE_TAG
    return f"{region}-docker.pkg.dev/{project}/perennial/{name}:{tag}"
