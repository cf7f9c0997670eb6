"""The one file that Airflow loads as a plugin; its contents are in the package `retraining`."""

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

from retraining.links import JobLink, TensorBoardLink
from retraining.ui import URL_PREFIX, LazyApp, external_views

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def _create_app() -> "ASGIApp":
    from retraining.ui.app import create_app

    return create_app()


class RetrainingPlugin(AirflowPlugin):
    """Links of the tasks, and the pages."""

    name = "retraining"
    operator_extra_links: ClassVar[list[BaseOperatorLink]] = [JobLink(), TensorBoardLink()]
    fastapi_apps: ClassVar[list[dict[str, Any]]] = [
        {"app": LazyApp(_create_app), "url_prefix": URL_PREFIX, "name": "Retraining"}
    ]
    external_views: ClassVar[list[dict[str, Any]]] = external_views()
