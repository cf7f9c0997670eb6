"""The app that serves the pages; no route of it answers a stranger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse

from retraining.ui import backfill, models, report
from retraining.ui.access import LOGGED_IN
from retraining.ui.pages import page

STATIC = Path(__file__).parent / "static"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
"""Nothing is fetched from elsewhere, and no script or style runs but those in `static/`."""


def create_app() -> FastAPI:
    """The app, to be mounted into Airflow's."""
    app = FastAPI(
        title="Retraining", dependencies=[LOGGED_IN], docs_url=None, redoc_url=None, openapi_url=None
    )
    app.include_router(report.router)
    app.include_router(models.router)
    app.include_router(backfill.router)

    @app.get("/static/{name}")
    def static(name: str) -> FileResponse:
        """Scripts, styles and icons."""
        if name not in {file.name for file in STATIC.iterdir()}:
            raise HTTPException(404)
        return FileResponse(STATIC / name)

    @app.exception_handler(Exception)
    def failed(_: Request, error: Exception) -> Response:
        """Say what is wrong, to users who may see it; the traceback goes to the server's log."""
        return page("failed.html", status_code=500, error=error)

    @app.middleware("http")
    async def protect(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answer(request)
        response.headers.update(HEADERS)
        return response

    return app
