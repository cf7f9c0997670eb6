"""Authorization and headers of every route."""

from collections.abc import Iterator

import pytest
from airflow.api_fastapi.app import init_auth_manager, purge_cached_app
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from retraining.ui.app import HEADERS, create_app

VALUES = {
    "dag_id": "flowers_training",
    "run_id": "manual__1",
    "index": "0",
    "name": "style.css",
    "version": "1",
}


class NoDags(SimpleAuthManager):
    """An auth manager that lets no user see a DAG."""

    def is_authorized_dag(self, **asked: object) -> bool:
        return False


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Method and address of every route; a route of another kind would go unnoticed, so there is none."""
    assert all(isinstance(route, APIRoute) for route in app.routes)
    return [
        (method, route.path.format(**VALUES))
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods)
    ]


def test_routes_are_those_that_we_know() -> None:
    assert {path for _, path in routes(create_app())} == {
        "/runs/flowers_training/manual__1",
        "/runs/flowers_training/manual__1/rejected/0",
        "/models",
        "/models/flowers_training",
        "/models/flowers_training/predict",
        "/models/flowers_training/decide",
        "/models/flowers_training/versions/1",
        "/backfills/flowers_training",
        "/static/style.css",
    }


@pytest.mark.parametrize(("method", "path"), routes(create_app()))
def test_route_refuses_an_anonymous_request(method: str, path: str) -> None:
    response = TestClient(create_app()).request(method, path)
    assert response.status_code == 401
    assert response.json() == {"detail": "Not authenticated"}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tables: None) -> Iterator[TestClient]:
    """Of a user who may see no DAG."""
    monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", f"{__name__}.NoDags")
    init_auth_manager()
    app = create_app()
    app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="reader", role="viewer")
    yield TestClient(app)
    purge_cached_app()


@pytest.mark.parametrize(
    ("method", "path"), [route for route in routes(create_app()) if "flowers_training" in route[1]]
)
def test_route_of_a_dag_refuses_who_may_not_see_it(client: TestClient, method: str, path: str) -> None:
    assert client.request(method, path).status_code == 403


def test_answers_forbid_what_is_not_ours(client: TestClient) -> None:
    response = client.get("/static/style.css")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/css")
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    assert "unsafe" not in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["app.py", "..%2Fapp.py", "nothing.js"])
def test_static_gives_only_its_own_files(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404
