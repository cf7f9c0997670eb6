"""Versions in Vertex AI's Model Registry, found by their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from retraining.errors import ForeignResourceError
from retraining.google.calls import CALL_TIMEOUT_SECONDS, get_or_create, operation_result, retry

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import Model

    from contract.naming import DatasetNames, Identity
    from retraining.google import Clients

OPERATION_SECONDS = 1800.0
"""The service copies the export while it uploads a version."""


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """One version of a model.

    Attributes:
        model: the model's resource name, without a version.
        version: the version's id, a number as text.
        artifact_uri: the export's folder.
        labels: whom it belongs to and what it was made from.
        aliases: the names that point to it.
        created: when it was made.
    """

    model: str
    version: str
    artifact_uri: str
    labels: Mapping[str, str]
    aliases: Sequence[str]
    created: datetime | None = None

    @property
    def name(self) -> str:
        """Resource name of the version."""
        return f"{self.model}@{self.version}"


class Models:
    """Models of one project and region."""

    def __init__(self, clients: Clients, *, poll_seconds: float) -> None:
        self._client = clients.models
        self._parent = clients.parent
        self._poll_seconds = poll_seconds

    def name(self, model_id: str) -> str:
        """Return the resource name of a model."""
        return f"{self._parent}/models/{model_id}"

    def get(self, name: str) -> ModelVersion:
        """Return the version of a resource name, `name` or `name@version`."""
        model = self._client.get_model(
            name=name, retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
        )
        return _version(model)

    def versions(self, model_id: str) -> list[ModelVersion]:
        """Return every version of a model, oldest first; none if there is no such model."""
        from google.api_core.exceptions import NotFound

        try:
            found = self._client.list_model_versions(
                name=self.name(model_id), retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
            )
            return sorted((_version(model) for model in found), key=lambda version: int(version.version))
        except NotFound:
            return []

    def find(self, model_id: str, version: str) -> ModelVersion | None:
        """Return the version of an id; None if the model has none of it."""
        return next((one for one in self.versions(model_id) if one.version == version), None)

    def get_or_upload(
        self, names: DatasetNames, identity: Identity, model: dict[str, Any]
    ) -> tuple[ModelVersion, bool]:
        """Return the version of this identity, uploaded if there is none.

        An upload whose response was lost may still be under way at the first listing. So the versions are
        listed again each time: the oldest of this identity stays, any other is deleted.

        Args:
            names: of the dataset; the first version makes its model.
            identity: whom the version belongs to.
            model: the version, as a Model of Vertex AI; its labels are added to the identity's.

        Returns:
            The version, and whether it was there before.

        Raises:
            ForeignResourceError: the model is somebody else's.
        """
        self.check_ownership(names)
        found = get_or_create(
            lambda: next(iter(self._owned(names.model, identity)), None),
            lambda: self._upload(names.model, identity, model),
        )
        first, *repeated = self._owned(names.model, identity)
        if repeated:
            self.move_aliases(first, add=model["version_aliases"], remove=[])
        for version in repeated:
            self.delete_version(version)
        return first, found is not None

    def check_ownership(self, names: DatasetNames) -> None:
        """Refuse a model that somebody else made: one without any version that has the dataset's labels.

        Raises:
            ForeignResourceError: it is somebody else's.
        """
        versions = self.versions(names.model)
        if versions and not any(names.owns(version.labels) for version in versions):
            raise ForeignResourceError(
                f"{versions[0].model}: expected a version with the labels {names.labels}, received "
                f"{dict(versions[-1].labels)}; it is not changed"
            )

    def move_aliases(self, version: ModelVersion, *, add: Sequence[str], remove: Sequence[str]) -> None:
        """Point aliases to this version, whichever they pointed to before, and remove others from it."""
        changes = [*add, *(f"-{alias}" for alias in remove if alias in version.aliases)]
        self._client.merge_version_aliases(
            name=version.name,
            version_aliases=changes,
            retry=retry(CALL_TIMEOUT_SECONDS),
            timeout=CALL_TIMEOUT_SECONDS,
        )

    def delete(self, name: str) -> None:
        """Delete a model with all its versions; none of them may be on an endpoint."""
        self._finish(
            self._client.delete_model(
                name=name, retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
            )
        )

    def delete_version(self, version: ModelVersion) -> None:
        """Delete a version; it may neither be the model's default nor on an endpoint."""
        self._finish(
            self._client.delete_model_version(
                name=version.name, retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
            )
        )

    def _owned(self, model_id: str, identity: Identity) -> list[ModelVersion]:
        return [version for version in self.versions(model_id) if identity.owns(version.labels)]

    def _upload(self, model_id: str, identity: Identity, model: dict[str, Any]) -> None:
        labelled = {**model, "labels": identity.labels | model["labels"]}
        request: dict[str, Any] = {"parent": self._parent, "model": labelled}
        if self.versions(model_id):
            request["parent_model"] = self.name(model_id)
        else:
            request["model_id"] = model_id
        self._finish(self._client.upload_model(request=request, retry=None, timeout=CALL_TIMEOUT_SECONDS))

    def _finish(self, operation: Any) -> None:
        operation_result(operation, poll_seconds=self._poll_seconds, timeout_seconds=OPERATION_SECONDS)


def _version(model: Model) -> ModelVersion:
    return ModelVersion(
        model=model.name.partition("@")[0],
        version=model.version_id,
        artifact_uri=model.artifact_uri,
        labels=dict(model.labels),
        aliases=tuple(model.version_aliases),
        created=model.version_create_time or None,
    )
