from __future__ import annotations

import pytest

from serving.main import parse

VERTEX = {
    "AIP_STORAGE_URI": "gs://bucket/model",
    "AIP_HTTP_PORT": "7080",
    "AIP_HEALTH_ROUTE": "/v1/endpoints/1/deployedModels/2",
    "AIP_PREDICT_ROUTE": "/v1/endpoints/1/deployedModels/2:predict",
}


def test_parse_without_flags_reads_vertex_variables() -> None:
    settings = parse([], VERTEX)
    assert settings.model == "gs://bucket/model"
    assert settings.port == 7080
    assert settings.health_route == VERTEX["AIP_HEALTH_ROUTE"]
    assert settings.predict_route == VERTEX["AIP_PREDICT_ROUTE"]
    assert settings.host == "127.0.0.1"


def test_parse_with_flags_prefers_them() -> None:
    settings = parse(["--model", "/m", "--port", "1", "--concurrency", "3", "--host", "0.0.0.0"], VERTEX)
    assert (settings.model, settings.port, settings.concurrency, settings.host) == ("/m", 1, 3, "0.0.0.0")


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ([], {}, "AIP_STORAGE_URI: expected a folder or a gs:// URI with a SavedModel, received nothing"),
        ([], {**VERTEX, "AIP_HTTP_PORT": "http"}, "argument --port: invalid int value: 'http'"),
        ([], {**VERTEX, "AIP_HEALTH_ROUTE": "health"}, "AIP_HEALTH_ROUTE: expected a path"),
        (
            [],
            {**VERTEX, "AIP_HEALTH_ROUTE": VERTEX["AIP_PREDICT_ROUTE"]},
            "AIP_PREDICT_ROUTE: expected another",
        ),
        (["--concurrency", "0"], VERTEX, "concurrency: expected 1 or more, received 0"),
    ],
)
def test_parse_with_a_wrong_value_names_it(
    arguments: list[str], environment: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(arguments, environment)
    assert message in capsys.readouterr().err
