"""Reads the HTTP rules of Vertex AI's methods from Google's client library.

python -m emulator.vertex.wire.derive > emulator/src/emulator/vertex/wire/rules.json

They stand in private classes of the generated REST transports (`_BaseJobServiceRestTransport`). A test
compares the file with the library that is installed.
"""

from __future__ import annotations

import importlib
import inspect
import json
from typing import Any

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
# And these, with a rule for each kind of resource; `methods` has patterns that stand for all of them.
_OPERATION_METHODS = ("GetOperation", "ListOperations", "CancelOperation", "DeleteOperation", "WaitOperation")


def derive_rules() -> dict[str, list[dict[str, Any]]]:
    """The HTTP rules of each method: `{"JobService.GetCustomJob": [{"method": "get", "uri": ...}]}`."""
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
