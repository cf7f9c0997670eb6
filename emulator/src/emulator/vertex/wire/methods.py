"""The methods of Vertex AI and their HTTP rules: `rules.json`, which `derive` makes, and the operations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

from google.longrunning import operations_pb2

from emulator.vertex.wire.messages import types

_ANY_OPERATION = (
    "{name=projects/*/locations/*/operations/*}",
    "{name=projects/*/locations/*/**/operations/*}",
)
_ANY_PARENT = ("{name=projects/*/locations/*}/operations", "{name=projects/*/locations/*/**}/operations")


@dataclass(frozen=True, kw_only=True)
class Binding:
    """One HTTP rule of a method.

    Attributes:
        http_method: `GET`, `POST`, ...
        template: the path, `/v1/{name=projects/*/locations/*/models/*}` for instance.
        body: the field of the request that the HTTP body holds: `*` for all of it, empty for none.
    """

    http_method: str
    template: str
    body: str = ""


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method of a service.

    Attributes:
        full_name: `JobService.CreateCustomJob`, for instance.
        request_type: its request's message class; `None` where it isn't called after the method.
        bindings: its HTTP rules.
    """

    full_name: str
    request_type: Any
    bindings: tuple[Binding, ...]


def all_methods() -> list[Method]:
    """Every method that has an HTTP rule, predictions first."""
    rules = json.loads(resources.files(__package__).joinpath("rules.json").read_text())
    methods = [
        Method(
            full_name=full_name,
            request_type=getattr(types, f"{full_name.partition('.')[2]}Request", None),
            bindings=tuple(
                Binding(http_method=rule["method"].upper(), template=rule["uri"], body=rule.get("body", ""))
                for rule in method_rules
            ),
        )
        for full_name, method_rules in rules.items()
    ]
    return [*methods, *_operation_methods()]


def _operation_methods() -> Iterator[Method]:
    """The long-running operations: clients poll them below /ui, gcloud below /v1.

    The service has one rule for each kind of resource; two patterns stand for all of them.
    """
    rules = {
        "GetOperation": ("GET", _ANY_OPERATION, ""),
        "ListOperations": ("GET", _ANY_PARENT, ""),
        "CancelOperation": ("POST", tuple(f"{path}:cancel" for path in _ANY_OPERATION), ""),
        "DeleteOperation": ("DELETE", _ANY_OPERATION, ""),
        "WaitOperation": ("POST", tuple(f"{path}:wait" for path in _ANY_OPERATION), "*"),
    }
    for name, (http_method, paths, body) in rules.items():
        yield Method(
            full_name=f"Operations.{name}",
            request_type=getattr(operations_pb2, f"{name}Request"),
            bindings=tuple(
                Binding(http_method=http_method, template=f"/{version}/{path}", body=body)
                for version in ("v1", "ui")
                for path in paths
            ),
        )
