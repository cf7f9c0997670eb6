"""Google's EndpointService and PredictionService clients against the emulator; models are served for real."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import aiplatform_v1
from google.longrunning import operations_pb2


@pytest.fixture
def endpoint(vertex: Any) -> Any:
    """An endpoint that is empty again afterwards."""
    name = vertex.create_endpoint().name
    yield name
    for deployed in vertex.endpoints.get_endpoint(name=name).deployed_models:
        vertex.endpoints.update_endpoint(endpoint={"name": name}, update_mask={"paths": ["traffic_split"]})
        vertex.undeploy(name, deployed.id)


def split(vertex: Any, endpoint: str) -> dict[str, int]:
    return dict(vertex.endpoints.get_endpoint(name=endpoint).traffic_split)


def test_create_takes_a_chosen_id_once(vertex: Any) -> None:
    assert vertex.create_endpoint("flowers").name == f"{vertex.parent}/endpoints/flowers"
    with pytest.raises(exceptions.Conflict, match="flowers already exists"):
        vertex.create_endpoint("flowers")


def test_create_without_a_name_names_the_field(vertex: Any) -> None:
    with pytest.raises(exceptions.BadRequest, match="display_name"):
        vertex.endpoints.create_endpoint(parent=vertex.parent, endpoint={})


def test_list_finds_endpoints_by_label(vertex: Any) -> None:
    endpoint = vertex.create_endpoint().name
    vertex.create_endpoint()
    vertex.endpoints.update_endpoint(
        endpoint={"name": endpoint, "labels": {"run": "a"}}, update_mask={"paths": ["labels"]}
    )
    request = {"parent": vertex.parent, "filter": 'labels.run="a"'}
    assert [e.name for e in vertex.endpoints.list_endpoints(request=request)] == [endpoint]


def test_deployed_model_answers_and_says_which_version_it_is(vertex: Any, endpoint: str) -> None:
    model = vertex.upload("red").model
    vertex.upload("blue", request={"parent_model": model}, display_name="blue flowers")
    deployed = vertex.deploy(endpoint, f"{model}@2", {"0": 100})
    assert split(vertex, endpoint) == {deployed.id: 100}
    answer = vertex.predict(endpoint, "a", {"b": 1})
    assert [dict(prediction) for prediction in answer.predictions] == [
        {"echo": "a", "weights": "blue"}, {"echo": {"b": 1}, "weights": "blue"},
    ]  # fmt: skip
    assert (answer.model, answer.model_version_id, answer.deployed_model_id) == (model, "2", deployed.id)
    assert answer.model_display_name == "blue flowers"
    version = vertex.models.get_model(name=f"{model}@2")
    assert [ref.endpoint for ref in version.deployed_models] == [endpoint]
    assert not vertex.models.get_model(name=f"{model}@1").deployed_models


def test_deployed_version_can_not_be_deleted(vertex: Any, endpoint: str) -> None:
    model = vertex.upload().model
    vertex.upload(request={"parent_model": model})
    vertex.deploy(endpoint, f"{model}@2")
    for delete, name in (
        (vertex.models.delete_model_version, f"{model}@2"),
        (vertex.models.delete_model, model),
        (vertex.endpoints.delete_endpoint, endpoint),
    ):
        with pytest.raises(exceptions.BadRequest, match="undeploy"):
            delete(name=name)


def test_deploy_without_a_split_gives_the_model_no_traffic(vertex: Any, endpoint: str) -> None:
    vertex.deploy(endpoint, vertex.upload().model)
    assert split(vertex, endpoint) == {}
    with pytest.raises(exceptions.BadRequest, match="doesn't have traffic_split"):
        vertex.predict(endpoint, "a")


def test_traffic_is_divided_as_the_split_says(vertex: Any, endpoint: str) -> None:
    model = vertex.upload("red").model
    vertex.upload("blue", request={"parent_model": model})
    red = vertex.deploy(endpoint, f"{model}@1", {"0": 100})
    blue = vertex.deploy(endpoint, f"{model}@2", {"0": 25, red.id: 75})
    assert split(vertex, endpoint) == {red.id: 75, blue.id: 25}
    answers = Counter(vertex.predict(endpoint, "a").deployed_model_id for _ in range(8))
    assert answers == {red.id: 6, blue.id: 2}
    with pytest.raises(exceptions.BadRequest, match=r"has 75 % of the traffic"):
        vertex.undeploy(endpoint, red.id)
    vertex.undeploy(endpoint, red.id, {blue.id: 100})
    assert split(vertex, endpoint) == {blue.id: 100}
    vertex.undeploy(endpoint, blue.id)
    assert split(vertex, endpoint) == {}


@pytest.mark.parametrize("traffic", [{"0": 50}, {"0": 50, "7": 50}, {"0": 150, "7": -50}])
def test_deploy_with_an_impossible_split_is_refused(vertex: Any, endpoint: str, traffic: Any) -> None:
    with pytest.raises(exceptions.BadRequest, match="traffic_split"):
        vertex.begin_deploy(endpoint, vertex.upload().model, traffic)


@pytest.mark.parametrize("form", ["{folder}", "../../{name}", "a/b", "12345678901", "٣", "x"])
def test_deploy_and_undeploy_of_an_impossible_id_touch_no_folder(
    vertex: Any, endpoint: str, tmp_path: Path, form: str
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").touch()
    below = vertex.emulator.root / "servers"
    identifier = form.format(folder=victim, name=os.path.relpath(victim, below.parent.parent))
    deployed = {
        "id": identifier,
        "model": vertex.upload().model,
        "dedicated_resources": {
            "machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1,
        },
    }  # fmt: skip
    with pytest.raises(exceptions.BadRequest, match=r"deployed_model\.id: expected 1 to 10 digits"):
        vertex.endpoints.deploy_model(endpoint=endpoint, deployed_model=deployed)
    with pytest.raises(exceptions.BadRequest, match="deployed_model_id: expected 1 to 10 digits"):
        vertex.undeploy(endpoint, identifier)
    assert (victim / "file").exists()
    assert not below.exists() or all(entry.name.isdecimal() for entry in below.iterdir())


def test_deploy_takes_a_chosen_id_once_and_undeploy_removes_its_folder(vertex: Any, endpoint: str) -> None:
    deployed = {
        "id": "7",
        "model": vertex.upload().model,
        "dedicated_resources": {
            "machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1,
        },
    }  # fmt: skip
    vertex.endpoints.deploy_model(endpoint=endpoint, deployed_model=deployed).result(timeout=60)
    with pytest.raises(exceptions.Conflict, match=r"deployed_model\.id: 7 is taken"):
        vertex.endpoints.deploy_model(endpoint=endpoint, deployed_model=deployed)
    folder = vertex.emulator.root / "servers" / "7"
    assert folder.is_dir()
    vertex.undeploy(endpoint, "7")
    assert not folder.exists()
    with pytest.raises(exceptions.NotFound, match="'7' is not deployed"):
        vertex.undeploy(endpoint, "7")


@pytest.mark.parametrize("endpoint_id", ["/some/folder", "../x", "a_b", "1234567890", "A"])
def test_create_with_an_impossible_id_names_the_field(vertex: Any, endpoint_id: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="endpoint_id: expected"):
        vertex.create_endpoint(endpoint_id)


def test_deploy_of_an_unknown_model_is_not_found(vertex: Any, endpoint: str) -> None:
    with pytest.raises(exceptions.NotFound, match="models/none"):
        vertex.begin_deploy(endpoint, f"{vertex.parent}/models/none")


def test_deploy_without_a_machine_names_the_field(vertex: Any, endpoint: str) -> None:
    model = vertex.upload().model
    with pytest.raises(exceptions.BadRequest, match="machine_type"):
        vertex.endpoints.deploy_model(endpoint=endpoint, deployed_model={"model": model})


def test_deploy_of_a_server_that_ends_fails_with_its_last_lines(vertex: Any, endpoint: str) -> None:
    with pytest.raises(exceptions.GoogleAPICallError, match="the weights are broken"):
        vertex.deploy(endpoint, vertex.upload("broken").model, {"0": 100})
    assert not vertex.endpoints.get_endpoint(name=endpoint).deployed_models


def test_deploy_of_an_unhealthy_server_fails_after_its_timeout(vertex: Any, endpoint: str) -> None:
    spec = aiplatform_v1.ModelContainerSpec(
        image_uri="x/perennial-tests/little_server", predict_route="/predict", health_route="/health",
        deployment_timeout="1s", env=[{"name": "AIP_HEALTH_ROUTE", "value": "/elsewhere"}],
    )  # fmt: skip
    with pytest.raises(exceptions.GoogleAPICallError, match="never became ready"):
        vertex.deploy(endpoint, vertex.upload(container_spec=spec).model)


def test_deploy_of_an_unmapped_image_fails_and_says_so(vertex: Any, endpoint: str) -> None:
    model = vertex.upload(container_spec={"image_uri": "us/nobodys:1"}).model
    with pytest.raises(exceptions.GoogleAPICallError, match="nobodys:1 can't be run here"):
        vertex.deploy(endpoint, model)


def test_deploy_fails_when_that_is_asked_for(vertex: Any, endpoint: str) -> None:
    model = vertex.upload().model
    vertex.emulator.set_fault(target="failed_deploy")
    with pytest.raises(exceptions.GoogleAPICallError, match="exited unexpectedly"):
        vertex.deploy(endpoint, model)
    assert vertex.deploy(endpoint, model).id


def test_deploy_that_starts_slowly_can_be_cancelled(vertex: Any, endpoint: str) -> None:
    model = vertex.upload().model
    vertex.emulator.set_fault(target="slow_start", delay_seconds=60)
    operation = vertex.begin_deploy(endpoint, model)
    assert not operation.done()
    name = operation.operation.name
    vertex.endpoints.cancel_operation(operations_pb2.CancelOperationRequest(name=name))
    waited = vertex.endpoints.wait_operation(operations_pb2.WaitOperationRequest(name=name))
    assert waited.done
    assert "cancelled" in waited.error.message
    listed = vertex.endpoints.list_operations(operations_pb2.ListOperationsRequest(name=endpoint))
    assert name in [operation.name for operation in listed.operations]
    vertex.endpoints.delete_operation(operations_pb2.DeleteOperationRequest(name=name))
    with pytest.raises(exceptions.NotFound):
        vertex.endpoints.get_operation(operations_pb2.GetOperationRequest(name=name))


def test_predict_passes_a_refusal_on(vertex: Any, endpoint: str) -> None:
    vertex.deploy(endpoint, vertex.upload().model, {"0": 100})
    with pytest.raises(exceptions.BadRequest, match="expected anything else"):
        vertex.predict(endpoint, "refuse")


def test_server_that_dies_is_started_again(vertex: Any, endpoint: str) -> None:
    vertex.deploy(endpoint, vertex.upload().model, {"0": 100})
    with pytest.raises(exceptions.ServiceUnavailable):
        vertex.predictions.predict(endpoint=endpoint, instances=[_value("die")], retry=None)
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = vertex.predictions.predict(endpoint=endpoint, instances=[_value("a")], retry=None)
        except exceptions.ServiceUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            break
    assert answer.predictions[0]["echo"] == "a"


def test_predict_without_instances_names_the_field(vertex: Any, endpoint: str) -> None:
    answer = vertex.emulator.http.post(f"/v1/{endpoint}:predict", json={"instance": []})
    assert answer.status_code == 400
    assert "instances" in answer.json()["error"]["message"]


def test_predict_of_an_unknown_endpoint_is_not_found(vertex: Any) -> None:
    with pytest.raises(exceptions.NotFound, match="endpoints/1 does not exist"):
        vertex.predict(f"{vertex.parent}/endpoints/1", "a")


def test_raw_predict_leaves_bodies_as_they_are(vertex: Any, endpoint: str) -> None:
    vertex.deploy(endpoint, vertex.upload().model, {"0": 100})
    body = json.dumps({"instances": [1]})
    headers = {"content-type": "application/json"}
    answer = vertex.emulator.http.post(f"/v1/{endpoint}:rawPredict", content=body, headers=headers)
    assert answer.json() == {"predictions": [{"echo": 1, "weights": "good"}]}
    wrapped = vertex.predictions.raw_predict(
        request={
            "endpoint": endpoint,
            "http_body": {"content_type": "application/json", "data": body.encode()},
        }
    )
    assert json.loads(wrapped.data) == answer.json()


def test_delete_removes_an_empty_endpoint(vertex: Any) -> None:
    endpoint = vertex.create_endpoint().name
    vertex.endpoints.delete_endpoint(name=endpoint).result(timeout=30)
    with pytest.raises(exceptions.NotFound):
        vertex.endpoints.get_endpoint(name=endpoint)


def _value(text: str) -> Any:
    from google.protobuf import struct_pb2

    return struct_pb2.Value(string_value=text)


def test_dedicated_endpoint_has_an_address_and_a_timeout_of_its_own(vertex: Any) -> None:
    fields = {
        "display_name": "d",
        "dedicated_endpoint_enabled": True,
        "client_connection_config": {"inference_timeout": {"seconds": 1}},
    }
    request = {"parent": vertex.parent, "endpoint": fields, "endpoint_id": "dedicated"}
    endpoint = vertex.endpoints.create_endpoint(request=request).result(timeout=60)
    shared = vertex.create_endpoint().name
    found = {one.name: one for one in vertex.endpoints.list_endpoints(parent=vertex.parent)}
    for one in (endpoint, found[endpoint.name], vertex.endpoints.get_endpoint(name=endpoint.name)):
        assert one.dedicated_endpoint_dns == f"http://127.0.0.1:{vertex.emulator.port}"
        assert one.client_connection_config.inference_timeout.total_seconds() == 1
    assert found[shared].dedicated_endpoint_dns == ""
    there = aiplatform_v1.PredictionServiceClient(
        transport="rest",
        credentials=vertex.emulator.credentials,
        client_options={"api_endpoint": endpoint.dedicated_endpoint_dns},
    )
    first = vertex.deploy(endpoint.name, vertex.upload().model, {"0": 100})
    answer = there.predict(endpoint=endpoint.name, instances=[_value("a")])
    assert answer.deployed_model_id == first.id
    slow = vertex.deploy(endpoint.name, vertex.upload("slow").model, {"0": 100, first.id: 0})
    with pytest.raises(exceptions.GatewayTimeout, match="within 1 seconds"):
        there.predict(endpoint=endpoint.name, instances=[_value("a")])
    vertex.undeploy(endpoint.name, first.id)
    vertex.undeploy(endpoint.name, slow.id)


@pytest.mark.parametrize(("dedicated", "seconds"), [(False, 5), (True, 0), (True, 0.9), (True, 3600.1)])
def test_timeout_that_the_service_refuses_names_the_field(
    vertex: Any, dedicated: bool, seconds: float
) -> None:
    endpoint = {
        "display_name": "d",
        "dedicated_endpoint_enabled": dedicated,
        "client_connection_config": {"inference_timeout": timedelta(seconds=seconds)},
    }
    with pytest.raises(exceptions.BadRequest, match="inference_timeout"):
        vertex.endpoints.create_endpoint(parent=vertex.parent, endpoint=endpoint)


ONLINE = "aiplatform.googleapis.com/prediction/online"
CPU = {"metric_name": f"{ONLINE}/cpu/utilization"}
GPU = {"machine_type": "g2-standard-4", "accelerator_type": "NVIDIA_L4"}


def begin_deploy(vertex: Any, endpoint: str, resources: dict[str, Any]) -> Any:
    base = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}
    deployed = {"model": vertex.upload().model, "dedicated_resources": {**base, **resources}}
    return vertex.endpoints.deploy_model(endpoint=endpoint, deployed_model=deployed)


@pytest.mark.parametrize(
    ("resources", "field"),
    [
        ({"min_replica_count": 0}, "min_replica_count"),
        ({"min_replica_count": 2, "max_replica_count": 1}, "max_replica_count"),
        ({"machine_spec": {"machine_type": "g2-standard-4", "accelerator_count": 1}}, "machine_spec"),
        ({"machine_spec": GPU}, "machine_spec"),
        ({"autoscaling_metric_specs": [{"metric_name": "cpu", "target": 60}]}, "metric_name"),
        ({"autoscaling_metric_specs": [{**CPU, "target": 101}]}, "target"),
        ({"autoscaling_metric_specs": [{**CPU, "target": -1}]}, "target"),
        ({"autoscaling_metric_specs": [{**CPU, "target": 50}, {**CPU, "target": 60}]}, "one of each metric"),
    ],
)
def test_deploy_of_resources_that_the_service_refuses_names_the_field(
    vertex: Any, endpoint: str, resources: dict[str, Any], field: str
) -> None:
    with pytest.raises(exceptions.BadRequest, match=field):
        begin_deploy(vertex, endpoint, resources)


def test_deploy_keeps_replicas_accelerators_and_autoscaling(vertex: Any, endpoint: str) -> None:
    metrics = [
        {**CPU, "target": 100},
        {"metric_name": f"{ONLINE}/accelerator/duty_cycle"},
        {"metric_name": f"{ONLINE}/request_count", "target": 600},
    ]
    resources = {
        "machine_spec": {**GPU, "accelerator_count": 1},
        "min_replica_count": 2,
        "max_replica_count": 2,
        "autoscaling_metric_specs": metrics,
    }
    begin_deploy(vertex, endpoint, resources).result(timeout=60)
    (deployed,) = vertex.endpoints.get_endpoint(name=endpoint).deployed_models
    kept = deployed.dedicated_resources
    assert (kept.min_replica_count, kept.max_replica_count) == (2, 2)
    assert kept.machine_spec.accelerator_type.name == "NVIDIA_L4"
    assert [spec.target for spec in kept.autoscaling_metric_specs] == [100, 0, 600]
