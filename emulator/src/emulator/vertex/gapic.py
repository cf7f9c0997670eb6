"""Google's generated client library: Vertex AI's message types and the HTTP rules of its methods.

python -m emulator.vertex.gapic > emulator/src/emulator/vertex/http_rules.json

Importing `google.cloud.aiplatform_v1` takes ten times as long as importing its types alone, since it imports
every client of every service, which would slow down each start of the emulator.

The HTTP rules stand in private classes of the generated REST transports (`_BaseJobServiceRestTransport`). A
test compares the file with the library that is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import sys
from types import ModuleType
from typing import Any

_PACKAGE = "google.cloud.aiplatform_v1"

SERVICES = {
    "PredictionService": "prediction_service",
    "JobService": "job_service",
    "ModelService": "model_service",
    "EndpointService": "endpoint_service",
}
# Every service has these as well.
_SHARED_SERVICES = {
    "GetLocation": "Locations",
    "ListLocations": "Locations",
    "GetIamPolicy": "IAMPolicy",
    "SetIamPolicy": "IAMPolicy",
    "TestIamPermissions": "IAMPolicy",
}
# And these, with a rule for each kind of resource; `routes` has patterns for all of them.
_OPERATION_METHODS = ("GetOperation", "ListOperations", "CancelOperation", "DeleteOperation", "WaitOperation")


def _import_types() -> ModuleType:
    if _PACKAGE in sys.modules:
        return importlib.import_module(f"{_PACKAGE}.types")
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {_PACKAGE!r}", name=_PACKAGE)
    # A placeholder for the package while its types are imported; a later import of the package finds them.
    sys.modules[_PACKAGE] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module(f"{_PACKAGE}.types")
    finally:
        del sys.modules[_PACKAGE]


types = _import_types()


def derive_rules() -> dict[str, list[dict[str, Any]]]:
    """Read the HTTP rules of each method: `{"JobService.GetCustomJob": [{"method": "get", "uri": ...}]}`."""
    rules: dict[str, list[dict[str, Any]]] = {}
    for service, module_name in SERVICES.items():
        module = importlib.import_module(
            f"google.cloud.aiplatform_v1.services.{module_name}.transports.rest_base"
        )
        transport = getattr(module, f"_Base{service}RestTransport")
        for class_name, method in inspect.getmembers(transport, inspect.isclass):
            name = class_name.removeprefix("_Base")
            # Streams in both directions have no HTTP rule.
            if name != class_name and name not in _OPERATION_METHODS and hasattr(method, "_get_http_options"):
                rules[f"{_SHARED_SERVICES.get(name, service)}.{name}"] = method._get_http_options()
    return rules


if __name__ == "__main__":
    print(json.dumps(derive_rules(), indent=1))
