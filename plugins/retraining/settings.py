"""Where a deployment runs: read from `PERENNIAL_*` variables when a task starts, never at parse time."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retraining.errors import ConfigurationError

IMAGE_TAG = "0.1.0"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One deployment.

    Attributes:
        project: the Google Cloud project, `PERENNIAL_PROJECT`.
        region: where data and jobs are, `PERENNIAL_REGION`.
        bucket: holds everything, without `gs://`, `PERENNIAL_BUCKET`.
        packages: a folder or gs:// URI with the sdists that Dataflow workers install, `PERENNIAL_PACKAGES`.
        source_root: a folder or gs:// URI that relative sources are below, `PERENNIAL_SOURCE_ROOT`; a
            deployment without one takes only absolute sources.
        source_hint: added to the error about a missing folder below the source root, the command that fills
            it for instance, `PERENNIAL_SOURCE_HINT`.
        trainer_image: runs training jobs, `PERENNIAL_TRAINER_IMAGE`.
        serving_image: answers predictions, `PERENNIAL_SERVING_IMAGE`.
        serving_machine: the machine type of a deployed model, `PERENNIAL_SERVING_MACHINE`.
        service_account: whom jobs and deployed models run as, `PERENNIAL_SERVICE_ACCOUNT`; without it the
            service's default.
        tiers_file: a TOML file of scale tiers in place of ours, `PERENNIAL_TIERS_FILE`.
        connection_id: the Airflow connection, `PERENNIAL_CONNECTION_ID`.
        poll_seconds: the longest wait between two looks at a job, `PERENNIAL_POLL_SECONDS`.
        tensorboard_url: where TensorBoard shows the bucket's logs, `PERENNIAL_TENSORBOARD_URL`.
        notifier: the class of an Airflow notifier, with its module, that is told of failures, promotions and
            late runs, `PERENNIAL_NOTIFIER`; without it nobody is told.
        notifier_arguments: what it is made with, a JSON object, `PERENNIAL_NOTIFIER_ARGUMENTS`.
    """

    project: str
    region: str
    bucket: str
    packages: str
    source_root: str | None
    source_hint: str | None
    trainer_image: str
    serving_image: str
    serving_machine: str
    service_account: str | None
    tiers_file: str | None
    connection_id: str
    poll_seconds: float
    tensorboard_url: str | None
    notifier: str | None
    notifier_arguments: Mapping[str, Any]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings that the variables give.

        Raises:
            ConfigurationError: a variable is missing or has a value that it can't have; the error names it.
        """
        project = _required(environment, "PERENNIAL_PROJECT", "the Google Cloud project")
        region = _required(environment, "PERENNIAL_REGION", "a region, us-central1 for instance")
        bucket = _required(environment, "PERENNIAL_BUCKET", "a bucket's name")
        if "/" in bucket:
            raise ConfigurationError(f"PERENNIAL_BUCKET: expected a name without gs://, received {bucket!r}")
        images = f"{region}-docker.pkg.dev/{project}/perennial"
        return cls(
            project=project,
            region=region,
            bucket=bucket,
            packages=_required(environment, "PERENNIAL_PACKAGES", "a folder or gs:// URI with the sdists"),
            source_root=environment.get("PERENNIAL_SOURCE_ROOT") or None,
            source_hint=environment.get("PERENNIAL_SOURCE_HINT") or None,
            trainer_image=environment.get("PERENNIAL_TRAINER_IMAGE") or f"{images}/trainer:{IMAGE_TAG}",
            serving_image=environment.get("PERENNIAL_SERVING_IMAGE") or f"{images}/serving:{IMAGE_TAG}",
            serving_machine=environment.get("PERENNIAL_SERVING_MACHINE") or "n1-standard-2",
            service_account=environment.get("PERENNIAL_SERVICE_ACCOUNT") or None,
            tiers_file=environment.get("PERENNIAL_TIERS_FILE") or None,
            connection_id=environment.get("PERENNIAL_CONNECTION_ID") or "google_cloud_default",
            poll_seconds=_seconds(environment, "PERENNIAL_POLL_SECONDS", default=10.0),
            tensorboard_url=environment.get("PERENNIAL_TENSORBOARD_URL") or None,
            notifier=environment.get("PERENNIAL_NOTIFIER") or None,
            notifier_arguments=_object(environment, "PERENNIAL_NOTIFIER_ARGUMENTS"),
        )


def _required(environment: Mapping[str, str], variable: str, expected: str) -> str:
    value = environment.get(variable, "").strip()
    if not value:
        raise ConfigurationError(f"{variable}: expected {expected}, received nothing")
    return value


def _seconds(environment: Mapping[str, str], variable: str, *, default: float) -> float:
    text = environment.get(variable) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ConfigurationError(f"{variable}: expected more than 0 seconds, received {text!r}")
    return value


def _object(environment: Mapping[str, str], variable: str) -> Mapping[str, Any]:
    text = environment.get(variable) or "{}"
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ConfigurationError(f"{variable}: expected a JSON object, received {text!r}")
    return value
