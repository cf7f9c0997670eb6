"""Rendering of pages: Jinja templates, and their filters for numbers, times and URLs."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from retraining.ui import URL_PREFIX
from retraining.ui.images import grayscale_data_uri


def page(template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """Return the response of a template and its variables."""
    text = _environment.get_template(template).render(**values)
    return HTMLResponse(text, status_code=status_code)


def page_url(path: str) -> str:
    """Return the URL of one of these pages."""
    return f"{API_ROOT_PATH.rstrip('/')}{URL_PREFIX}/{path}"


def airflow_url(path: str) -> str:
    """Return the URL of one of Airflow's pages."""
    return f"{API_ROOT_PATH.rstrip('/')}/{path}"


def humanize(name: str) -> str:
    """Return an identifier as words."""
    return name.replace("_", " ")


def format_duration(seconds: float | None) -> str:
    """Return a duration in seconds, minutes or hours; empty for none."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def format_number(value: float | None) -> str:
    """Return a number with four significant digits, an integer with all; a dash for none."""
    if value is None or math.isnan(value):
        return "\N{EN DASH}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if abs(value) < 1e5 else f"{value:,.0f}"


def format_bytes(count: int) -> str:
    """Return a size in decimal units: `344.3 kB`."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def format_time(time: datetime | None) -> Markup:
    """Return a time in UTC, to the minute; empty for none."""
    if time is None:
        return Markup("")
    utc = time.astimezone(UTC)
    text = utc.strftime("%-d %b %Y, %H:%M UTC")
    return Markup('<time datetime="{}">{}</time>').format(utc.isoformat(), text)


def bar(fraction: float) -> Markup:
    """Return a horizontal bar that is filled to a fraction, 0 to 1."""
    percent = f"{100 * min(max(fraction, 0.0), 1.0):.1f}%"
    return Markup(
        '<svg class="bar" aria-hidden="true"><rect class="track" width="100%" height="100%" rx="2"/>'
        '<rect class="fill" width="{}" height="100%" rx="2"/></svg>'
    ).format(percent)


def _make_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (
        bar,
        format_bytes,
        format_duration,
        format_number,
        format_time,
        grayscale_data_uri,
        humanize,
    ):
        environment.filters[function.__name__] = function
    environment.filters["quote"] = lambda text: quote(text, safe="")
    environment.globals.update(page_url=page_url, airflow_url=airflow_url)
    return environment


_environment = _make_environment()
