"""Pages in Airflow's UI: the report of a run, the plan of a backfill, and the models.

Every Airflow process loads the plugin, but only the API server serves pages. It imports their modules at its
start (`deploy/config/airflow_local_settings.py`), or else with the first request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

URL_PREFIX = "/retraining"


class LazyApp:
    """ASGI app that is created by its first request.

    Args:
        create_app: imports and returns the app.
    """

    def __init__(self, create_app: Callable[[], ASGIApp]) -> None:
        self._create_app = cache(create_app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        app = await asyncio.to_thread(self._create_app)
        await app(scope, receive, send)


def external_views() -> list[dict[str, Any]]:
    """Return the plugin's pages: a tab on each DAG run and on each DAG, and an entry of the navigation.

    URLs are relative, so that they hold where Airflow itself has a prefix.
    https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/plugins.html
    """
    prefix = URL_PREFIX.removeprefix("/")
    icons = {
        "icon": f"{prefix}/static/leaf-on-light.svg",
        "icon_dark_mode": f"{prefix}/static/leaf-on-dark.svg",
    }
    return [
        {
            "name": "Report",
            "href": f"{prefix}/runs/{{DAG_ID}}/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "report",
            **icons,
        },
        {
            "name": "Backfill plan",
            "href": f"{prefix}/backfills/{{DAG_ID}}",
            "destination": "dag",
            "url_route": "backfill-plan",
            **icons,
        },
        {
            "name": "Models",
            "href": f"{prefix}/models",
            "destination": "nav",
            "url_route": "models",
            "nav_top_level": True,
            **icons,
        },
    ]
