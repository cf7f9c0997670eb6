"""Page of a backfill's plan, as a browser gets it, in an Airflow without runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.api_fastapi.app import init_auth_manager, purge_cached_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from starlette.testclient import TestClient

from contract.naming import DatasetNames
from retraining.settings import Settings
from retraining.ui import backfill
from retraining.ui.app import create_app

# Airflow asks pathspec for a pattern by its old name when it looks for plugins.
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")

PAGE = "/backfills/yellow_taxi_training"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Four months of yellow taxi trips, of a year before which there is nothing."""
    folder = tmp_path / "yellow_taxi"
    folder.mkdir()
    for month in range(1, 5):
        (folder / f"yellow_tripdata_sample_2019-{month:02}.csv").write_text(f"trips of month {month}")
    return folder


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tables: None, raw: Path, bucket: object) -> Iterator[TestClient]:
    """Of a user who may make runs."""
    settings = Settings.from_environment(
        {
            "PERENNIAL_PROJECT": "p",
            "PERENNIAL_REGION": "r",
            "PERENNIAL_BUCKET": "b",
            "PERENNIAL_PACKAGES": "dist",
            "PERENNIAL_SOURCE_ROOT": str(raw.parent),
        }
    )
    services = SimpleNamespace(
        settings=settings,
        storage=bucket,
        names=lambda dataset: DatasetNames(deployment="default", bucket="b", dataset=dataset),
    )
    monkeypatch.setattr(backfill, "google_services", lambda: services)
    init_auth_manager()
    app = create_app()
    app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="writer", role="user")
    yield TestClient(app)
    purge_cached_app()


def test_page_begins_with_all_partitions_of_the_source(client: TestClient) -> None:
    page = client.get(PAGE)
    assert page.status_code == 200
    assert 'name="since" value="2019-01-01"' in page.text
    assert 'name="until" value="2019-04-01"' in page.text
    assert "Nothing is started." in page.text


def test_page_of_a_question_shows_runs_estimates_and_the_command(client: TestClient) -> None:
    # A form sends every field, those left empty, too.
    fields = {
        "since": "2019-01-01",
        "until": "2019-03-01",
        "reprocess": "failed",
        "parallel": "",
        "source": "",
    }
    page = client.get(PAGE, params={**fields, "tier": "BASIC", "spot": "true"})
    assert page.status_code == 200
    assert "The backfill would create 3 runs" in page.text
    assert "3 runs: 3 Dataflow jobs; time and cost unknown on BASIC (spot)." in page.text
    assert "no earlier run on BASIC has succeeded" in page.text
    assert page.text.count("Dataflow job</td>") == 3
    assert (
        "airflow backfill create --dag-id yellow_taxi_training --from-date 2019-01-01 --to-date 2019-03-01 "
        "--reprocess-behavior failed --max-active-runs 4" in page.text
    )
    assert "&#34;spot&#34;: true" in page.text


def test_page_says_which_months_have_no_data(client: TestClient) -> None:
    page = client.get(PAGE, params={"since": "2019-04-01", "until": "2019-05-01"})
    assert "1 run: 1 without their newest data, 1 Dataflow job" in page.text
    assert "no data for 2019-05 yet: the newest is of 2019-04" in page.text


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"since": "soon", "until": "2019-01-01"}, "from: expected YYYY-MM-DD or ISO 8601, received 'soon'"),
        ({"since": "2019-01-01"}, "to: expected YYYY-MM-DD or ISO 8601, received ''"),
        (
            {"since": "2019-02-01", "until": "2019-01-01"},
            "to: expected a time not before 2019-02-01, received 2019-01-01",
        ),
        ({"parallel": "-1"}, "max active runs: expected 1 or more, received -1"),
        ({"tier": "HUGE"}, "tier: expected one of BASIC, "),
        ({"source": "/nowhere"}, "source: expected the spec's, or one below"),
        ({"source": "/etc/ssl"}, "source: expected the spec's, or one below"),
    ],
)
def test_page_of_a_bad_question_names_the_field_and_keeps_the_form(
    client: TestClient, fields: dict[str, str], problem: str
) -> None:
    asked = fields if "since" in fields else {"since": "2019-01-01", "until": "2019-02-01", **fields}
    page = client.get(PAGE, params=asked)
    assert page.status_code == 400
    assert problem.replace("'", "&#39;") in page.text
    assert f'name="since" value="{asked["since"]}"' in page.text


def test_page_reads_no_file_for_a_plan(
    client: TestClient, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("a file is read")

    monkeypatch.setattr("retraining.source.Folder.describe", refuse)
    page = client.get(PAGE, params={"since": "2019-01-01", "until": "2019-03-01"})
    assert page.text.count("Dataflow job</td>") == 3


def test_page_of_a_dataset_without_cron_says_that_there_are_no_intervals(client: TestClient) -> None:
    page = client.get("/backfills/flowers_training")
    assert "flowers_training has no cron expression" in page.text
    assert "<form" not in page.text


def test_page_of_another_dag_says_that_it_trains_no_model(client: TestClient) -> None:
    assert "ingest trains no model." in client.get("/backfills/ingest").text


def test_page_is_refused_to_who_may_only_look(client: TestClient) -> None:
    client.app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="r", role="viewer")  # type: ignore[attr-defined]
    assert client.get(PAGE).status_code == 403
