"""Google's clients, made in one place of an Airflow connection, a project and a region.

Endpoints in the connection's extras (`vertex_ai_endpoint`, `dataflow_endpoint`, `logging_endpoint`,
`monitoring_endpoint`, `iam_credentials_endpoint`, `project_endpoint`) replace the service's own; for Cloud
Storage a variable does, `STORAGE_EMULATOR_HOST`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from retraining.google.credentials import connection_credentials

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud import aiplatform_v1, dataflow_v1beta3, logging, storage

    from retraining.settings import Settings

STORAGE_CONNECTIONS = 64
"""Requests at once; the pool must hold a connection for each."""

_PATHS = {"compute": "/compute/v1/"}
"""Paths that an API's own endpoint includes, and so one in its place does."""


class Clients:
    """Google's clients for one connection, project and region; each is made when it is first used."""

    def __init__(self, connection_id: str, *, project: str, region: str) -> None:
        self.connection_id = connection_id
        self.project = project
        self.region = region

    @classmethod
    def from_settings(cls, settings: Settings) -> Clients:
        """Return the clients of a deployment."""
        return cls(settings.connection_id, project=settings.project, region=settings.region)

    @property
    def parent(self) -> str:
        """Location as Vertex AI names it."""
        return f"projects/{self.project}/locations/{self.region}"

    @cached_property
    def extras(self) -> dict[str, Any]:
        """Extras of the Airflow connection."""
        # Not above: commands import this before they have sent what Airflow prints to the standard error.
        from airflow.sdk import BaseHook

        extras: dict[str, Any] = BaseHook.get_connection(self.connection_id).extra_dejson
        return extras

    @cached_property
    def credentials(self) -> Credentials:
        """Credentials of the connection: a key, an impersonated account, or the machine's own."""
        return connection_credentials(self.connection_id, self.extras)

    @cached_property
    def storage(self) -> storage.Client:
        """Cloud Storage."""
        return storage_client(self.project, self.credentials)

    @cached_property
    def jobs(self) -> aiplatform_v1.JobServiceClient:
        """Vertex AI's training and tuning jobs."""
        from google.cloud.aiplatform_v1 import JobServiceClient

        return JobServiceClient(**self._vertex_ai)

    @cached_property
    def models(self) -> aiplatform_v1.ModelServiceClient:
        """Vertex AI's Model Registry."""
        from google.cloud.aiplatform_v1 import ModelServiceClient

        return ModelServiceClient(**self._vertex_ai)

    @cached_property
    def endpoints(self) -> aiplatform_v1.EndpointServiceClient:
        """Vertex AI's endpoints."""
        from google.cloud.aiplatform_v1 import EndpointServiceClient

        return EndpointServiceClient(**self._vertex_ai)

    @cached_property
    def predictions(self) -> aiplatform_v1.PredictionServiceClient:
        """Predictions of Vertex AI's endpoints."""
        from google.cloud.aiplatform_v1 import PredictionServiceClient

        return PredictionServiceClient(**self._vertex_ai)

    def predictions_at(self, host: str) -> aiplatform_v1.PredictionServiceClient:
        """Return the client of a dedicated endpoint's host; without a host the one of all others."""
        if not host:
            return self.predictions
        if host not in self._dedicated:
            from google.cloud.aiplatform_v1 import PredictionServiceClient

            self._dedicated[host] = PredictionServiceClient(**self._rest(host))
        return self._dedicated[host]

    @cached_property
    def _dedicated(self) -> dict[str, aiplatform_v1.PredictionServiceClient]:
        return {}

    @cached_property
    def dataflow_jobs(self) -> dataflow_v1beta3.JobsV1Beta3Client:
        """Dataflow's jobs."""
        from google.cloud.dataflow_v1beta3 import JobsV1Beta3Client

        return JobsV1Beta3Client(**self._rest(self.extras.get("dataflow_endpoint")))

    @cached_property
    def dataflow_messages(self) -> dataflow_v1beta3.MessagesV1Beta3Client:
        """Messages of Dataflow about its jobs."""
        from google.cloud.dataflow_v1beta3 import MessagesV1Beta3Client

        return MessagesV1Beta3Client(**self._rest(self.extras.get("dataflow_endpoint")))

    @cached_property
    def logging(self) -> logging.Client:
        """Cloud Logging."""
        from google.cloud import logging

        endpoint = self.extras.get("logging_endpoint")
        return logging.Client(
            project=self.project,
            credentials=self.credentials,
            client_options={"api_endpoint": endpoint} if endpoint else None,
            _use_grpc=False,
        )

    @cached_property
    def monitoring(self) -> Any:
        """Cloud Monitoring, by the client whose transport is REST: the newer library has gRPC alone."""
        return self._discovered("monitoring", "v3", self.extras.get("monitoring_endpoint"))

    def project_api(self, name: str, version: str) -> Any:
        """Return the client of an API that tells what the project has, `serviceusage` for instance.

        Whoever asks for one closes it. `project_endpoint` stands for all of them.
        """
        endpoint = self.extras.get("project_endpoint")
        return self._discovered(name, version, f"{endpoint}{_PATHS.get(name, '')}" if endpoint else None)

    def close(self) -> None:
        """Close the connections of the clients that were made."""
        if "monitoring" in self.__dict__:
            self.monitoring.close()
        for client in self.__dict__.get("_dedicated", {}).values():
            client.transport.close()
        for name in ("storage", "logging"):
            if name in self.__dict__:
                getattr(self, name)._http.close()
        for name in (
            "jobs",
            "models",
            "endpoints",
            "predictions",
            "dataflow_jobs",
            "dataflow_messages",
        ):
            if name in self.__dict__:
                getattr(self, name).transport.close()

    def _discovered(self, name: str, version: str, endpoint: str | None) -> Any:
        from googleapiclient import discovery

        return discovery.build(
            name,
            version,
            credentials=self.credentials,
            client_options={"api_endpoint": endpoint} if endpoint else None,
            static_discovery=True,
            cache_discovery=False,
        )

    @property
    def _vertex_ai(self) -> dict[str, Any]:
        default = f"{self.region}-aiplatform.googleapis.com"
        return self._rest(self.extras.get("vertex_ai_endpoint") or default)

    def _rest(self, endpoint: str | None) -> dict[str, Any]:
        return {
            "transport": "rest",
            "credentials": self.credentials,
            "client_options": {"api_endpoint": endpoint} if endpoint else None,
        }


def storage_client(project: str, credentials: Credentials) -> storage.Client:
    """Return a client of Cloud Storage for many small requests at once.

    It reads the environment's proxies and certificates once, since requests does so for each request, in a
    quarter of the client's time for a small upload.
    """
    from google.cloud import storage
    from requests.adapters import HTTPAdapter

    client = storage.Client(project=project, credentials=credentials)
    session, url = client._http, client._connection.get_api_base_url_for_mtls()
    # With mutual TLS the adapter of https has the client's certificate.
    for scheme in ("http://",) if session.is_mtls else ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=STORAGE_CONNECTIONS))
    of_environment = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify = of_environment["proxies"], of_environment["verify"]
    session.trust_env = False
    return client
