"""Store of the model registry: models, their versions and the versions' aliases.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.models#Model
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from emulator.errors import InvalidArgument, NotFound
from emulator.limits import ALIAS
from emulator.state import State
from emulator.vertex.codec import from_document, to_document
from emulator.vertex.gapic import types
from emulator.vertex.names import location_of
from emulator.vertex.resources import Resources

DEFAULT_ALIAS = "default"

_ALIAS = re.compile(rf"[a-z][a-zA-Z0-9-]{{0,{ALIAS.value - 2}}}[a-z0-9]")
KIND = "vertex.models"


def split_version(name: str) -> tuple[str, str]:
    """Split `MODEL@VERSION` into the model's name and the version's id or alias, empty if there is none."""
    model, _, version = name.partition("@")
    return model, version


def check_aliases(aliases: Sequence[str], field: str) -> None:
    """Refuse malformed version aliases.

    Raises:
        InvalidArgument: one of them is malformed.
    """
    for alias in aliases:
        if not _ALIAS.fullmatch(alias):
            raise InvalidArgument(f"{field}: expected {_ALIAS.pattern}, received {alias!r}")


def merge_aliases(versions: Sequence[Any], version: Any, changes: Sequence[str]) -> None:
    """Add aliases to a version and remove others; an alias belongs to one version at most.

    Args:
        versions: all versions of the model, changed in place.
        version: one of them.
        changes: `alias` to add, `-alias` to remove.

    Raises:
        InvalidArgument: an alias is malformed, or the default one would be removed.
    """
    removed = [change[1:] for change in changes if change.startswith("-")]
    added = [change for change in changes if not change.startswith("-")]
    check_aliases([*removed, *added], "version_aliases")
    if DEFAULT_ALIAS in removed:
        raise InvalidArgument(
            f"version_aliases: the alias {DEFAULT_ALIAS!r} can't be removed, only given to another version"
        )
    for other in versions:
        if other is not version:
            other.version_aliases = [alias for alias in other.version_aliases if alias not in added]
    kept = [alias for alias in version.version_aliases if alias not in removed]
    version.version_aliases = kept + [alias for alias in added if alias not in kept]


@dataclass(kw_only=True)
class ModelRecord:
    """A model with all its versions.

    Attributes:
        name: `projects/P/locations/L/models/ID`.
        versions: oldest first.
        next_version: the number of the next version; numbers of deleted ones are never reused.
    """

    name: str
    versions: list[Any]
    next_version: int = 1

    @property
    def default(self) -> Any:
        """Version with the alias `default`."""
        return self.version(DEFAULT_ALIAS)

    def version(self, id_or_alias: str) -> Any:
        """Return the version of this id or alias; the default one for an empty string.

        Raises:
            NotFound: there is none.
        """
        wanted = id_or_alias or DEFAULT_ALIAS
        for version in self.versions:
            if version.version_id == wanted or wanted in version.version_aliases:
                return version
        raise NotFound(f"The Model {self.name}@{wanted} does not exist.")


class ModelRegistry:
    """Models of all projects."""

    def __init__(self, state: State, endpoints: Resources) -> None:
        """Create the registry.

        Args:
            state: the state that holds the models.
            endpoints: the store of endpoints, which know the deployed versions.
        """
        self._state = state
        self._endpoints = endpoints

    def get(self, name: str) -> ModelRecord:
        """Return the model of this name, which holds no version.

        Raises:
            NotFound: there is none.
        """
        record = self._read(name)
        self._add_deployments([record])
        return record

    def version(self, name: str) -> Any:
        """Return the version named by `MODEL`, `MODEL@VERSION` or `MODEL@ALIAS`.

        Raises:
            NotFound: there is none.
        """
        model, version = split_version(name)
        return self.get(model).version(version)

    def exists(self, name: str) -> bool:
        """Return True if there is a model of this name."""
        return self._state.get(KIND, name) is not None

    def newest_first(self, parent: str) -> list[ModelRecord]:
        """Return all models below `projects/P/locations/L`."""
        records = [_from_document(document) for document in self._state.list(KIND, f"{parent}/")][::-1]
        self._add_deployments(records)
        return records

    def add_version(self, name: str, model: Any) -> Any:
        """Add a version, and the model with the first one; return it with the output-only fields."""
        with self._state.transaction():
            record = self._read(name) if self.exists(name) else ModelRecord(name=name, versions=[])
            version = types.Model(model)
            now = datetime.now(UTC)
            first = record.versions[0] if record.versions else version
            version.name = name
            version.version_id = str(record.next_version)
            version.version_create_time = version.version_update_time = version.update_time = now
            version.create_time = first.create_time if record.versions else now
            # Without it gcloud fails on the model.
            version.supported_deployment_resources_types = [
                types.Model.DeploymentResourcesType.DEDICATED_RESOURCES
            ]
            version.supported_input_storage_formats = ["jsonl"]
            version.supported_output_storage_formats = ["jsonl"]
            aliases = list(version.version_aliases)
            version.version_aliases = []
            if not record.versions:
                aliases.append(DEFAULT_ALIAS)
            record.versions.append(version)
            merge_aliases(record.versions, version, list(dict.fromkeys(aliases)))
            record.next_version += 1
            self._write(record)
        return version

    def change(self, name: str, change: Callable[[ModelRecord], None]) -> None:
        """Read, change and write a model in one transaction.

        Raises:
            NotFound: there is none.
        """
        with self._state.transaction():
            record = self._read(name)
            change(record)
            self._write(record)

    def remove_version(self, name: str, version_id: str) -> None:
        """Remove a version.

        Raises:
            NotFound: the model is gone.
        """

        def change(record: ModelRecord) -> None:
            record.versions = [version for version in record.versions if version.version_id != version_id]

        self.change(name, change)

    def remove(self, name: str) -> None:
        """Remove a model with all its versions."""
        self._state.delete(KIND, name)

    def _read(self, name: str) -> ModelRecord:
        document = self._state.get(KIND, name)
        if document is None:
            raise NotFound(f"The Model {name} does not exist.")
        return _from_document(document)

    def _write(self, record: ModelRecord) -> None:
        versions = [to_document(version) for version in record.versions]
        document = {"name": record.name, "versions": versions, "next_version": record.next_version}
        self._state.put(KIND, record.name, document)

    def _add_deployments(self, records: list[ModelRecord]) -> None:
        """Fill in `deployed_models` of each version, from the endpoints."""
        versions = {(version.name, version.version_id): version for r in records for version in r.versions}
        locations = {location_of(record.name) for record in records}
        for endpoint in (endpoint for place in locations for endpoint in self._endpoints.newest_first(place)):
            for deployed in endpoint.deployed_models:
                version = versions.get((deployed.model, deployed.model_version_id))
                if version is not None:
                    version.deployed_models.append(
                        types.DeployedModelRef(endpoint=endpoint.name, deployed_model_id=deployed.id)
                    )


def _from_document(document: dict[str, Any]) -> ModelRecord:
    return ModelRecord(
        name=document["name"],
        versions=[from_document(types.Model, version) for version in document["versions"]],
        next_version=document["next_version"],
    )
