"""FastAPI app of the pages; every route requires a login."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse

from retraining.ui import backfill, card, models, report
from retraining.ui.dependencies import AUTHENTICATED
from retraining.ui.pages import page

STATIC = Path(__file__).parent / "static"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
"""Nothing is fetched from other hosts, and no script or style runs but those in `static/`."""


def create_app() -> FastAPI:
    """Return the app, to be mounted into Airflow's."""
    app = FastAPI(
        title="Retraining", dependencies=[AUTHENTICATED], docs_url=None, redoc_url=None, openapi_url=None
    )
    app.include_router(report.router)
    app.include_router(models.router)
    app.include_router(card.router)
    app.include_router(backfill.router)

    @app.get("/static/{name}")
    def static(name: str) -> FileResponse:
        """Return a script, a style sheet or an icon."""
        if name not in {file.name for file in STATIC.iterdir()}:
            raise HTTPException(404)
        return FileResponse(STATIC / name)

    @app.exception_handler(Exception)
    def error_page(_: Request, error: Exception) -> Response:
        """Show the error's message; its traceback is in the server's log."""
        return page("failed.html", status_code=500, error=error)

    @app.middleware("http")
    async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    return app
