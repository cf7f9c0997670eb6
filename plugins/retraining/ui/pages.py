"""Rendering of pages: Jinja templates, and their filters for numbers, times, URLs and images."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from retraining.ui import URL_PREFIX

_MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}
"""First bytes of formats that browsers show; not SVG, which may hold scripts."""

MAX_IMAGE_BYTES = 4 << 20
"""Bytes of an image that are read for a page."""


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


def media_type(content: bytes) -> str | None:
    """Return the media type of an image by its first bytes, whatever its name; None if it is no image."""
    return next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), None)


def data_uri(content: bytes) -> str | None:
    """Return an image as a data URI; None if the bytes are no image."""
    kind = media_type(content)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if kind else None


def grayscale_data_uri(pixels: Sequence[Sequence[Sequence[float]]]) -> str:
    """Return a grayscale image as the data URI of a PNG.

    Args:
        pixels: shape (height, width, 1), values from 0 to 1.
    """
    from PIL import Image

    rows = [bytes(round(255 * min(max(pixel[0], 0.0), 1.0)) for pixel in row) for row in pixels]
    image = Image.frombytes("L", (len(rows[0]), len(rows)), b"".join(rows))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


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
