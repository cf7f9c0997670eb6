"""Models and their versions: ModelService's methods.

https://cloud.google.com/vertex-ai/docs/model-registry/model-alias
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2

from emulator.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from emulator.iam import require_act_as
from emulator.vertex.gapic import types
from emulator.vertex.names import (
    check_display_name,
    check_labels,
    check_model_id,
    location_of,
    new_id,
    project_of,
)
from emulator.vertex.operations import Operations
from emulator.vertex.paths import check_folder
from emulator.vertex.registry import (
    DEFAULT_ALIAS,
    ModelRecord,
    ModelRegistry,
    check_aliases,
    merge_aliases,
    split_version,
)
from emulator.vertex.resources import select_page

_UPDATABLE = frozenset({"display_name", "description", "version_description", "labels"})

_ROUTE = re.compile(r"(/[A-Za-z0-9._~:-]+)+/?|/")


class Models:
    """ModelService's methods for models and versions."""

    def __init__(self, registry: ModelRegistry, buckets: Path, operations: Operations) -> None:
        self._registry = registry
        self._buckets = buckets
        self._operations = operations

    @property
    def calls(self) -> Mapping[str, Callable[[Any], Any]]:
        """Handlers by the name of the method."""
        return {
            "ModelService.UploadModel": self.upload,
            "ModelService.CopyModel": self.copy,
            "ModelService.GetModel": self.get,
            "ModelService.ListModels": self.list,
            "ModelService.ListModelVersions": self.list_versions,
            "ModelService.UpdateModel": self.update,
            "ModelService.MergeVersionAliases": self.merge_version_aliases,
            "ModelService.DeleteModelVersion": self.delete_version,
            "ModelService.DeleteModel": self.delete,
        }

    def upload(self, request: Any) -> Any:
        """ModelService.UploadModel: a new model, or a new version of `parent_model`."""
        model = request.model
        self._check(model)
        if request.model_id:
            check_model_id(request.model_id)
        parent_model = split_version(request.parent_model)[0] if request.parent_model else ""
        if parent_model:
            self._registry.get(parent_model)
        name = parent_model or f"{request.parent}/models/{request.model_id or new_id()}"
        if not parent_model and self._registry.exists(name):
            raise AlreadyExists(
                f"The Model {name} already exists; name it as parent_model for a new version."
            )

        def work(_cancelled: threading.Event) -> Any:
            version = self._registry.add_version(name, model)
            return types.UploadModelResponse(model=name, model_version_id=version.version_id)

        return self._operations.begin(name, types.UploadModelOperationMetadata(), work)

    def copy(self, request: Any) -> Any:
        """ModelService.CopyModel: a version as a new model, or as a new version of `parent_model`.

        The artifact stays where it is: both read the same folder.
        """
        source = self._registry.version(request.source_model)
        if project_of(source.name) != project_of(request.parent):
            raise InvalidArgument(
                f"source_model: expected a model of {project_of(request.parent)}, received {source.name}"
            )
        if request.model_id:
            check_model_id(request.model_id)
        if request.custom_service_account:
            require_act_as(request.custom_service_account)
        name = request.parent_model or f"{request.parent}/models/{request.model_id or new_id()}"
        if request.parent_model:
            self._registry.get(name)
            if location_of(name) != request.parent:
                raise InvalidArgument(
                    f"parent_model: expected a model of {request.parent}, received {request.parent_model}"
                )
        elif self._registry.exists(name):
            raise AlreadyExists(f"The Model {name} already exists; name it as parent_model.")
        copied = types.Model(source)
        copied.version_aliases, copied.deployed_models = [], []
        copied.model_source_info = types.ModelSourceInfo(source.model_source_info, copy=True)
        copied.original_model_info = types.Model.OriginalModelInfo(model=f"{source.name}@{source.version_id}")
        if request.encryption_spec:
            copied.encryption_spec = request.encryption_spec

        def work(_cancelled: threading.Event) -> Any:
            version = self._registry.add_version(name, copied)
            return types.CopyModelResponse(model=name, model_version_id=version.version_id)

        return self._operations.begin(name, types.CopyModelOperationMetadata(), work)

    def get(self, request: Any) -> Any:
        """ModelService.GetModel: `NAME@VERSION`, `NAME@ALIAS`, or the default version."""
        return self._registry.version(request.name)

    def list(self, request: Any) -> Any:
        """ModelService.ListModels: the default version of each."""
        models = [record.default for record in self._registry.newest_first(request.parent)]
        page, token = select_page(
            models,
            filter_text=request.filter,
            order_by=request.order_by,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return types.ListModelsResponse(models=page, next_page_token=token)

    def list_versions(self, request: Any) -> Any:
        """ModelService.ListModelVersions: newest first."""
        record = self._registry.get(split_version(request.name)[0])
        page, token = select_page(
            record.versions[::-1],
            filter_text=request.filter,
            order_by=request.order_by,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return types.ListModelVersionsResponse(models=page, next_page_token=token)

    def update(self, request: Any) -> Any:
        """ModelService.UpdateModel: display name, description, labels and the version's description."""
        paths = list(request.update_mask.paths)
        if not paths or set(paths) - _UPDATABLE:
            raise InvalidArgument(f"update_mask: expected some of {sorted(_UPDATABLE)}, received {paths}")
        if "display_name" in paths:
            check_display_name(request.model.display_name, "model.display_name")
        if "labels" in paths:
            check_labels(dict(request.model.labels), "model.labels")

        def change(record: ModelRecord) -> None:
            version = record.version(split_version(request.model.name)[1])
            for path in paths:
                setattr(version, path, getattr(request.model, path))
            version.update_time = version.version_update_time = datetime.now(UTC)

        self._registry.change(split_version(request.model.name)[0], change)
        return self._registry.version(request.model.name)

    def merge_version_aliases(self, request: Any) -> Any:
        """ModelService.MergeVersionAliases: `alias` moves here, `-alias` is taken away."""
        name, version_id = split_version(request.name)
        if not version_id:
            raise InvalidArgument(f"name: expected MODEL@VERSION, received {request.name!r}")
        if not request.version_aliases:
            raise InvalidArgument("version_aliases: expected at least one, received none")
        changed = list(request.version_aliases)

        def change(record: ModelRecord) -> None:
            merge_aliases(record.versions, record.version(version_id), changed)

        # Found before the change: the request may name the version by an alias that moves.
        version_id = self._registry.get(name).version(version_id).version_id
        self._registry.change(name, change)
        return self._registry.version(f"{name}@{version_id}")

    def delete_version(self, request: Any) -> Any:
        """ModelService.DeleteModelVersion: neither the default version nor one that is deployed."""
        name, version_id = split_version(request.name)
        if not version_id:
            raise InvalidArgument(f"name: expected MODEL@VERSION, received {request.name!r}")
        version = self._registry.version(request.name)
        if DEFAULT_ALIAS in version.version_aliases:
            raise FailedPrecondition(
                f"The version {version.version_id} of {name} has the alias {DEFAULT_ALIAS!r} and can't be "
                "deleted: make another version the default, or delete the model."
            )
        _refuse_deployed(version)

        def work(_cancelled: threading.Event) -> Any:
            self._registry.remove_version(name, version.version_id)
            return empty_pb2.Empty()

        return self._operations.begin(name, types.DeleteOperationMetadata(), work)

    def delete(self, request: Any) -> Any:
        """ModelService.DeleteModel: all versions, if none is deployed."""
        record = self._registry.get(request.name)
        for version in record.versions:
            _refuse_deployed(version)

        def work(_cancelled: threading.Event) -> Any:
            self._registry.remove(request.name)
            return empty_pb2.Empty()

        return self._operations.begin(location_of(request.name), types.DeleteOperationMetadata(), work)

    def _check(self, model: Any) -> None:
        check_display_name(model.display_name, "model.display_name")
        check_labels(dict(model.labels), "model.labels")
        check_aliases(list(model.version_aliases), "model.version_aliases")
        if not model.container_spec.image_uri:
            raise InvalidArgument("model.container_spec.image_uri: required")
        for field in ("health_route", "predict_route"):
            route = getattr(model.container_spec, field)
            # It becomes part of a URL, in which `@host` would name another server.
            if route and not _ROUTE.fullmatch(route):
                raise InvalidArgument(
                    f"model.container_spec.{field}: expected a path that begins with /, received {route!r}"
                )
        if model.artifact_uri:
            check_folder(self._buckets, model.artifact_uri, "model.artifact_uri")


def _refuse_deployed(version: Any) -> None:
    if version.deployed_models:
        endpoints = ", ".join(deployed.endpoint for deployed in version.deployed_models)
        raise FailedPrecondition(
            f"The version {version.version_id} of {version.name} is deployed to {endpoints}: "
            "undeploy it first."
        )
