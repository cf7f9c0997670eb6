from emulator.config import Config
from emulator.coverage import _refuse
from emulator.faults import Faults
from emulator.iam.permissions import METHODS, OPEN, missing_permission_error
from emulator.iam.tokens import Tokens, TokenService
from emulator.metadata_server import MetadataServer
from emulator.server import create_routes, create_services
from emulator.state import State


def test_every_method_that_is_emulated_has_its_permissions_and_no_other(tmp_path):
    config = Config(tmp_path, 1)
    state = State(config.state)
    services = create_services(config, state, _refuse)
    tokens = TokenService(config.accounts(), Tokens(config.token_secret))
    metadata = MetadataServer(b"secret", str, str.join)
    routes = create_routes(services.values(), Faults(state), tokens, metadata)
    emulated = {route.api_method for route in routes if route.handler is not None}
    services["storage"].stop()
    state.close()
    assert emulated - OPEN - set(METHODS) == set()
    assert (set(METHODS) | OPEN) - {route.api_method for route in routes} == set()


def test_refusal_names_caller_permission_and_resource_as_the_service_does():
    storage = missing_permission_error("a@p", "storage.objects.get", "/storage/v1/b/x/o/y").message
    assert storage == (
        "a@p does not have storage.objects.get access to the Google Cloud Storage object. "
        "Permission 'storage.objects.get' denied on resource (or it may not exist)."
    )
    vertex = missing_permission_error("a@p", "aiplatform.customJobs.create", "/v1/projects/p").message
    assert "Permission 'aiplatform.customJobs.create' denied on resource '/v1/projects/p'" in vertex
    assert (
        "act as service_account: b@p"
        in missing_permission_error("a@p", "iam.serviceAccounts.actAs", "b@p").message
    )
