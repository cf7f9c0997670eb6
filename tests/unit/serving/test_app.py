from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from serving.app import create_app
from serving.batching import Outputs, Rows
from serving.errors import ModelError
from serving.requests import PredictRequest
from serving.service import PredictionService, Predictor
from serving.settings import Settings

ROUTES = {"health_route": "/v1/endpoints/1/deployedModels/2", "predict_route": "/v1/endpoints/1:predict"}
HEALTH, PREDICT = ROUTES["health_route"], ROUTES["predict_route"]


class Doubler:
    batched: Mapping[str, bool] = {"serving_default": True}

    def prepare(self, request: PredictRequest) -> Rows:
        array = np.array(request.instances, dtype=float)
        return Rows(signature="serving_default", arrays={"x": array}, count=len(array))

    def run(self, batch: Sequence[Rows]) -> Sequence[Outputs | Exception]:
        return [{"y": 2 * rows.arrays["x"]} for rows in batch]


def client_for(load: Callable[[], Predictor], **settings: Any) -> TestClient:
    defaults: dict[str, Any] = {"model": "/model", "max_request_bytes": 100, **ROUTES}
    configured = Settings(**{**defaults, **settings})
    service = PredictionService(load, settings=configured)
    return TestClient(create_app(configured, service), raise_server_exceptions=False)


def wait_until_ready(client: TestClient) -> None:
    while client.get(HEALTH).status_code != 200:
        pass


@pytest.fixture
def client() -> Iterator[TestClient]:
    with client_for(Doubler) as client:
        wait_until_ready(client)
        yield client


def test_predict_answers_predictions(client: TestClient) -> None:
    response = client.post(PREDICT, json={"instances": [1, 2], "parameters": None})
    assert response.status_code == 200
    assert response.json() == {"predictions": [2, 4]}
    assert response.headers["content-type"] == "application/json"


def test_health_while_loading_is_503_and_then_200() -> None:
    gate = threading.Event()

    def load() -> Predictor:
        gate.wait()
        return Doubler()

    with client_for(load) as client:
        for response in (client.get(HEALTH), client.post(PREDICT, json={"instances": [1]})):
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"
            assert response.json()["error"]["field"] == "model"
        gate.set()
        wait_until_ready(client)
        assert client.post(PREDICT, json={"instances": [1]}).json() == {"predictions": [2]}


def test_predict_with_a_bad_instance_is_400_with_field_expected_received(client: TestClient) -> None:
    response = client.post(PREDICT, json={"instances": []})
    assert response.status_code == 400
    assert response.json() == {
        "error": {
            "code": 400,
            "message": "instances: expected at least one instance, received an empty list",
            "status": "INVALID_ARGUMENT",
            "field": "instances",
            "expected": "at least one instance",
            "received": "an empty list",
        }
    }


def test_predict_with_an_announced_large_body_is_413(client: TestClient) -> None:
    response = client.post(PREDICT, content=b"x" * 101)
    assert response.status_code == 413
    assert response.json()["error"]["expected"] == "at most 100 bytes"


def test_predict_with_a_large_body_of_unknown_length_is_413(client: TestClient) -> None:
    response = client.post(PREDICT, content=iter([b"x" * 60, b"x" * 60]))
    assert response.status_code == 413


def test_unknown_path_is_404_naming_the_routes(client: TestClient) -> None:
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert response.json()["error"]["expected"] == f"{HEALTH}, {PREDICT} or /metrics"


def test_path_with_a_slash_at_its_end_is_404_and_no_redirection(client: TestClient) -> None:
    assert client.post(f"{PREDICT}/", json={"instances": [1]}, follow_redirects=False).status_code == 404


def test_wrong_method_is_405_naming_the_right_one(client: TestClient) -> None:
    response = client.get(PREDICT)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert response.json()["error"]["received"] == "GET"


def test_predict_where_the_model_fails_is_500_naming_the_output(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Doubler):
        def run(self, batch: Sequence[Rows]) -> Sequence[Outputs | Exception]:
            raise ModelError("outputs[y]", expected="finite numbers", received="NaN")

    with client_for(Broken) as client, caplog.at_level(logging.ERROR):
        wait_until_ready(client)
        response = client.post(PREDICT, json={"instances": [1]})
    assert response.status_code == 500
    assert response.json()["error"]["field"] == "outputs[y]"
    assert "outputs[y]: expected finite numbers" in caplog.text


def test_predict_with_an_unforeseen_error_is_500_in_json() -> None:
    class Surprised(Doubler):
        def run(self, batch: Sequence[Rows]) -> Sequence[Outputs | Exception]:
            raise KeyError("surprise")

    with client_for(Surprised) as client:
        wait_until_ready(client)
        response = client.post(PREDICT, json={"instances": [1]})
    assert response.status_code == 500
    assert response.json()["error"]["received"] == "KeyError"


def test_predict_runs_as_many_requests_at_a_time_as_configured() -> None:
    class Counting(Doubler):
        batched: Mapping[str, bool] = {"serving_default": False}
        running = most = 0
        lock = threading.Lock()
        both = threading.Barrier(2, timeout=30)

        def run(self, batch: Sequence[Rows]) -> Sequence[Outputs | Exception]:
            with self.lock:
                self.running += 1
                self.most = max(self.most, self.running)
            self.both.wait()
            with self.lock:
                self.running -= 1
            assert len(batch) == 1
            return super().run(batch)

    model = Counting()
    with client_for(lambda: model, concurrency=2) as client, ThreadPoolExecutor(6) as pool:
        wait_until_ready(client)
        answers = pool.map(lambda n: client.post(PREDICT, json={"instances": [n]}).json(), range(6))
        assert list(answers) == [{"predictions": [2 * n]} for n in range(6)]
    assert model.most == 2


def test_service_whose_model_cannot_be_loaded_says_so(caplog: pytest.LogCaptureFixture) -> None:
    failed = threading.Event()

    def load() -> Predictor:
        raise ModelError("model", expected="a folder", received="nothing")

    service = PredictionService(load, settings=Settings(model="/model"), on_failure=failed.set)
    service.start()
    assert failed.wait(10)
    assert not service.ready
    assert "model: expected a folder, received nothing" in caplog.text


def test_request_is_logged_with_the_id_that_the_answer_carries(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="serving.request_log"):
        given = client.post(PREDICT, json={"instances": [1]}, headers={"X-Request-Id": "trace-7"})
        made = client.post(PREDICT, content=b"{", headers={"X-Request-Id": "two\twords"})
        client.get(HEALTH)
    lines: list[dict[str, Any]] = [
        vars(record)["fields"] for record in caplog.records if record.name == "serving.request_log"
    ]
    assert given.headers["x-request-id"] == lines[0]["request_id"] == "trace-7"
    assert made.headers["x-request-id"] == lines[1]["request_id"] != "two\twords"
    assert [line["status"] for line in lines] == [200, 400]
    assert lines[0]["path"] == PREDICT
    assert lines[0]["latency_ms"] >= 0


def test_json_formatter_writes_severity_fields_and_exception() -> None:
    from serving.request_log import JsonFormatter

    try:
        raise ValueError("why")
    except ValueError as error:
        caught = (type(error), error, error.__traceback__)
    record = logging.LogRecord("n", logging.WARNING, "f", 1, "said %s", ("so",), caught)
    vars(record)["fields"] = {"status": 200}
    entry = json.loads(JsonFormatter().format(record))
    assert (entry["severity"], entry["message"], entry["status"]) == ("WARNING", "said so", 200)
    assert entry["exception"].endswith("ValueError: why")


def test_predict_by_columns_answers_outputs(client: TestClient) -> None:
    assert client.post(PREDICT, json={"inputs": [1, 2]}).json() == {"outputs": [2.0, 4.0]}


def test_predict_with_a_nan_row_answers_the_others() -> None:
    class Root(Doubler):
        def run(self, batch: Sequence[Rows]) -> Sequence[Outputs | Exception]:
            with np.errstate(invalid="ignore"):
                return [{"y": np.sqrt(rows.arrays["x"])} for rows in batch]

    with client_for(Root) as client:
        wait_until_ready(client)
        response = client.post(PREDICT, json={"instances": [4, -1]})
        alone = client.post(PREDICT, json={"instances": [-1]})
        columns = client.post(PREDICT, json={"inputs": [4, -1]})
        text = client.get("/metrics").text
    assert response.status_code == 200
    first, second = response.json()["predictions"]
    assert first == 2.0
    assert second["error"]["field"] == "instances[1]"
    assert (alone.status_code, columns.status_code) == (400, 400)
    assert columns.json()["error"]["field"] == "inputs[1]"
    assert "serving_row_errors_total 1.0" in text


def test_predict_with_a_full_queue_is_429_in_googles_form() -> None:
    class Stuck(Doubler):
        started, finish = threading.Event(), threading.Event()

        def run(self, batch: Sequence[Rows]) -> Sequence[Outputs | Exception]:
            self.started.set()
            assert self.finish.wait(30)
            return super().run(batch)

    with (
        client_for(Stuck, concurrency=1, max_batch_size=1, max_enqueued_batches=1) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        wait_until_ready(client)
        under_way = [pool.submit(client.post, PREDICT, json={"instances": [1]})]
        assert Stuck.started.wait(30)
        under_way.append(pool.submit(client.post, PREDICT, json={"instances": [1]}))
        while "serving_queue_length 1.0" not in client.get("/metrics").text:
            pass
        response = client.post(PREDICT, json={"instances": [1]})
        Stuck.finish.set()
        assert [task.result().status_code for task in under_way] == [200, 200]
        text = client.get("/metrics").text
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1"
    error = response.json()["error"]
    assert (error["code"], error["status"], error["field"]) == (429, "RESOURCE_EXHAUSTED", "queue")
    for line in (
        'serving_requests_total{status="200"} 2.0',
        'serving_requests_total{status="429"} 1.0',
        'serving_errors_total{reason="RESOURCE_EXHAUSTED"} 1.0',
        "serving_request_seconds_count 3.0",
        "serving_queue_length 0.0",
        "serving_batch_rows_count 2.0",
    ):
        assert line in text


def test_bodies_under_way_are_bounded_in_all() -> None:
    class Stuck(Doubler):
        started, finish = threading.Event(), threading.Event()

        def run(self, batch: Sequence[Rows]) -> Sequence[Outputs | Exception]:
            self.started.set()
            assert self.finish.wait(30)
            return super().run(batch)

    with client_for(Stuck, max_enqueued_bytes=30) as client, ThreadPoolExecutor(1) as pool:
        wait_until_ready(client)
        under_way = pool.submit(client.post, PREDICT, json={"instances": [1]})
        assert Stuck.started.wait(30)
        response = client.post(PREDICT, json={"instances": [1]})
        Stuck.finish.set()
        assert under_way.result().status_code == 200
    assert response.status_code == 429
    assert response.json()["error"]["expected"] == "at most 30 bytes under way"
