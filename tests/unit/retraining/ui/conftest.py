"""Airflow's database."""

import pytest
from airflow import settings
from airflow.models import import_all_models
from airflow.models.base import Base


@pytest.fixture(scope="session")
def tables() -> None:
    """Airflow's database, in the folder that is made for tests."""
    import_all_models()
    Base.metadata.create_all(settings.engine)
