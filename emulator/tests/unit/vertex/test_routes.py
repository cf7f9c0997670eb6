import json
from importlib import resources

from emulator.routing import Router
from emulator.vertex.gapic import derive_rules
from emulator.vertex.routes import all_methods, create_routes

PLACE = "/v1/projects/p/locations/us-central1"


def name_of(http_method: str, path: str) -> str:
    match = Router(create_routes({}, {})).match(http_method, path)
    assert match is not None
    return match.route.api_method.removeprefix("aiplatform.")


def test_rules_are_those_of_the_installed_library() -> None:
    written = json.loads(resources.files("emulator.vertex").joinpath("http_rules.json").read_text())
    assert written == derive_rules(), "run python -m emulator.vertex.gapic, see there"


def test_all_methods_of_our_services_have_rules_and_messages() -> None:
    methods = {method.full_name: method for method in all_methods()}
    for name in ("JobService.CreateCustomJob", "ModelService.UploadModel", "EndpointService.DeployModel"):
        assert methods[name].bindings
        assert methods[name].request_type.__name__ == f"{name.partition('.')[2]}Request"


def test_routes_tell_methods_of_one_path_apart() -> None:
    assert name_of("GET", f"{PLACE}/models/1@default") == "ModelService.GetModel"
    assert name_of("GET", f"{PLACE}/models/1:listVersions") == "ModelService.ListModelVersions"
    assert name_of("POST", f"{PLACE}/models:upload") == "ModelService.UploadModel"
    assert name_of("POST", f"{PLACE}/customJobs/1:cancel") == "JobService.CancelCustomJob"
    assert name_of("POST", f"{PLACE}/endpoints/1:rawPredict") == "PredictionService.RawPredict"


def test_routes_find_operations_at_all_their_paths() -> None:
    for base in ("/v1", "/ui"):
        place = f"{base}/projects/p/locations/us-central1"
        assert name_of("GET", f"{place}/operations/1") == "Operations.GetOperation"
        assert name_of("GET", f"{place}/endpoints/2/operations/1") == "Operations.GetOperation"
        assert name_of("POST", f"{place}/models/2/operations/1:cancel") == "Operations.CancelOperation"
        assert name_of("GET", f"{place}/endpoints/2/operations") == "Operations.ListOperations"


def test_types_are_those_of_the_clients() -> None:
    from google.cloud import aiplatform_v1

    from emulator.vertex.gapic import types

    assert aiplatform_v1.CustomJob is types.CustomJob
