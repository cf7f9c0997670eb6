"""The methods of Vertex AI and their HTTP rules, read from Google's own client library.

The rules stand in private classes of the generated REST transports (`_BaseJobServiceRestTransport`);
`tests/unit/emulator/vertex/test_methods.py` fails when an upgrade moves them.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.longrunning import operations_pb2

SERVICES = {
    "PredictionService": "prediction_service",
    "JobService": "job_service",
    "ModelService": "model_service",
    "EndpointService": "endpoint_service",
}
OPERATIONS_SERVICE = "Operations"

# Every service has these as well; they belong to google.cloud.location and google.iam.v1.
_LOCATION_METHODS = ("GetLocation", "ListLocations")
_POLICY_METHODS = ("GetIamPolicy", "SetIamPolicy", "TestIamPermissions")
_OPERATION_METHODS = ("GetOperation", "ListOperations", "CancelOperation", "DeleteOperation", "WaitOperation")

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
        service: `JobService`, `Operations`, ...
        name: `CreateCustomJob`, ...
        request_type: its request's message class; `None` where it isn't called after the method.
        bindings: its HTTP rules.
    """

    service: str
    name: str
    request_type: Any
    bindings: tuple[Binding, ...]

    @property
    def full_name(self) -> str:
        """`JobService.CreateCustomJob`, for instance."""
        return f"{self.service}.{self.name}"


def all_methods() -> list[Method]:
    """Every method that has an HTTP rule, predictions first."""
    methods = {method.full_name: method for service in SERVICES for method in _service_methods(service)}
    # The shared methods have the same rules in every service, hence one entry.
    return [*methods.values(), *_operation_methods()]


def _service_methods(service: str) -> Iterator[Method]:
    module = importlib.import_module(
        f"google.cloud.aiplatform_v1.services.{SERVICES[service]}.transports.rest_base"
    )
    transport = getattr(module, f"_Base{service}RestTransport")
    for class_name, rules in inspect.getmembers(transport, inspect.isclass):
        name = class_name.removeprefix("_Base")
        # Streams in both directions have no HTTP rule.
        if name == class_name or name in _OPERATION_METHODS or not hasattr(rules, "_get_http_options"):
            continue
        shared = name in _LOCATION_METHODS + _POLICY_METHODS
        yield Method(
            service="Locations" if name in _LOCATION_METHODS else "IAMPolicy" if shared else service,
            name=name,
            request_type=None if shared else getattr(types, f"{name}Request", None),
            bindings=tuple(
                Binding(http_method=rule["method"].upper(), template=rule["uri"], body=rule.get("body", ""))
                for rule in rules._get_http_options()
            ),
        )


def _operation_methods() -> Iterator[Method]:
    """The long-running operations: clients poll them below /ui, gcloud below /v1.

    The transports list one rule for each kind of resource; two patterns stand for all of them.
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
            service=OPERATIONS_SERVICE,
            name=name,
            request_type=getattr(operations_pb2, f"{name}Request"),
            bindings=tuple(
                Binding(http_method=http_method, template=f"/{version}/{path}", body=body)
                for version in ("v1", "ui")
                for path in paths
            ),
        )
