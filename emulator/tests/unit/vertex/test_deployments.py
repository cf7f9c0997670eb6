from pathlib import Path

import pytest

from emulator.config import Config
from emulator.faults import Faults
from emulator.state import State
from emulator.vertex import endpoints
from emulator.vertex.deployments import Deployments
from emulator.vertex.gapic import types
from emulator.vertex.operations import Operations
from emulator.vertex.registry import ModelRegistry
from emulator.vertex.resources import Resources

PARENT = "projects/p/locations/l"
ENDPOINT = f"{PARENT}/endpoints/e"


@pytest.mark.parametrize("form", ["{victim}", "../../{victim.name}", ".."])
def test_start_and_undeploy_of_an_impossible_id_in_the_state_touch_no_folder(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").touch()
    config = Config(tmp_path / "root", 0, images={"image": "module"})
    (config.root / "servers").mkdir(parents=True)
    state = State(config.root / "state.sqlite")
    store = Resources(state, endpoints.KIND, types.Endpoint)
    registry = ModelRegistry(state, store)
    operations = Operations(state)
    model = registry.add_version(f"{PARENT}/models/m", types.Model(container_spec={"image_uri": "image"}))
    identifier = form.format(victim=victim)
    deployed = types.DeployedModel(id=identifier, model=model.name, model_version_id=model.version_id)
    store.put(types.Endpoint(name=ENDPOINT, deployed_models=[deployed]))
    deployments = Deployments(config, store, registry, operations, Faults(state))
    deployments.start()
    assert "expected the name of a file or folder" in capsys.readouterr().err
    request = types.UndeployModelRequest(endpoint=ENDPOINT, deployed_model_id=identifier)
    assert deployments.undeploy(request).done
    assert not store.get(ENDPOINT).deployed_models
    deployments.stop()
    assert [entry.name for entry in victim.iterdir()] == ["file"]
    assert (config.root / "servers").exists()
    state.close()
