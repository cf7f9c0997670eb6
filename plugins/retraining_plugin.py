"""The one file that Airflow loads as a plugin; its contents are in the package `retraining`."""

import threading
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

from retraining.links import JobLink, TensorBoardLink
from retraining.listener import JobListener
from retraining.ui import URL_PREFIX, LazyApp, external_views
from retraining.ui.middleware import WriteTurns, site_guard

if TYPE_CHECKING:
    from starlette.types import ASGIApp


RENDERER_DELAY_SECONDS = 3.0
"""Time for Airflow's own page, whose requests the engine's start would delay."""


def _create_app() -> "ASGIApp":
    from retraining.ui import plots
    from retraining.ui.app import create_app

    # Not at the server's start, since the engine's threads would not survive a fork, but soon after the first
    # request, which is that for the navigation's icon on any page of Airflow.
    timer = threading.Timer(RENDERER_DELAY_SECONDS, plots.start_renderer)
    timer.daemon = True
    timer.start()
    return create_app()


class RetrainingPlugin(AirflowPlugin):
    """Links of the tasks, the pages and what stands before them, and the listener for failed marks."""

    name = "retraining"
    operator_extra_links: ClassVar[list[BaseOperatorLink]] = [JobLink(), TensorBoardLink()]
    fastapi_apps: ClassVar[list[dict[str, Any]]] = [
        {"app": LazyApp(_create_app), "url_prefix": URL_PREFIX, "name": "Retraining"}
    ]
    # The last is asked first.
    fastapi_root_middlewares: ClassVar[list[dict[str, Any]]] = [
        {"middleware": WriteTurns, "args": [], "kwargs": {}, "name": "Write turns"},
        *site_guard(),
    ]
    listeners: ClassVar[list[Any]] = [JobListener()]
    external_views: ClassVar[list[dict[str, Any]]] = external_views()
