"""How pages are made of templates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from retraining.ui.entry import URL_PREFIX

_HERE = Path(__file__).parent


def page(template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """An answer made of a template and what it shows."""
    text = _environment.get_template(template).render(**values)
    return HTMLResponse(text, status_code=status_code)


def own(path: str) -> str:
    """The address of one of our pages."""
    return f"{API_ROOT_PATH.rstrip('/')}{URL_PREFIX}/{path}"


def airflow(path: str) -> str:
    """The address of one of Airflow's pages."""
    return f"{API_ROOT_PATH.rstrip('/')}/{path}"


def duration(seconds: float | None) -> str:
    """Seconds as people say them."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def figure(value: float | None) -> str:
    """A number with as many digits as say something."""
    if value is None or math.isnan(value):
        return "\N{EN DASH}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if abs(value) < 1e5 else f"{value:,.0f}"


def size(count: int) -> str:
    """Bytes as people say them."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def moment(time: datetime | None) -> Markup:
    """A time, to the minute."""
    if time is None:
        return Markup("")
    utc = time.astimezone(UTC)
    shown = utc.strftime("%-d %b %Y, %H:%M UTC")
    return Markup('<time datetime="{}">{}</time>').format(utc.isoformat(), shown)


def words(name: str) -> str:
    """A name of the code as people read it."""
    return name.replace("_", " ")


def share_bar(share: float) -> Markup:
    """A bar as long as a share, from 0 to 1."""
    percent = f"{100 * min(max(share, 0.0), 1.0):.1f}%"
    return Markup(
        '<svg class="bar" aria-hidden="true"><rect class="track" width="100%" height="100%" rx="2"/>'
        '<rect class="fill" width="{}" height="100%" rx="2"/></svg>'
    ).format(escape(percent))


def _make() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Mapping[str, Any] = {
        "duration": duration,
        "figure": figure,
        "size": size,
        "moment": moment,
        "words": words,
        "share_bar": share_bar,
        "quoted": lambda text: quote(text, safe=""),
    }
    environment.filters.update(filters)
    environment.globals.update(own=own, airflow=airflow)
    return environment


_environment = _make()
