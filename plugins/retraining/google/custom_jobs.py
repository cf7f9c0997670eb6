"""Training jobs of Vertex AI."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from retraining.google.labelled_jobs import LabelledJobs

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import CustomJob


class CustomJobs(LabelledJobs["CustomJob"]):
    """Training jobs of one project and region."""

    def _list(self, request: dict[str, Any], **call: Any) -> Iterable[CustomJob]:
        return self._client.list_custom_jobs(request=request, **call)

    def _create(self, parent: str, job: dict[str, Any], **call: Any) -> CustomJob:
        return self._client.create_custom_job(request={"parent": parent, "custom_job": job}, **call)

    def _get(self, name: str, **call: Any) -> CustomJob:
        return self._client.get_custom_job(name=name, **call)

    def _cancel(self, name: str, **call: Any) -> None:
        self._client.cancel_custom_job(name=name, **call)
