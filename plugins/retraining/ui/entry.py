"""Where Airflow finds the pages; what they need is imported with the first request.

Every process of Airflow loads the plugin, but only the API server shows pages.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

URL_PREFIX = "/retraining"


class OnDemand:
    """The app of `retraining.ui.app`, made when it is first asked."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = await asyncio.to_thread(_app)
        await app(scope, receive, send)


@cache
def _app() -> ASGIApp:
    from retraining.ui.app import create_app

    return create_app()


def fastapi_apps() -> list[dict[str, Any]]:
    """What a plugin says of its app."""
    return [{"app": OnDemand(), "url_prefix": URL_PREFIX, "name": "Retraining"}]


def external_views() -> list[dict[str, Any]]:
    """What a plugin says of its pages: a tab on each DAG run and on each DAG, and an entry of the navigation.

    The addresses are relative, so that they hold where Airflow itself has a prefix.
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
