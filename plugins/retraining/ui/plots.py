"""Plots as SVG, drawn on the server by Vega-Lite; their colours are those of the page.

https://vega.github.io/vega-lite/docs/
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from retraining.ui.curves import Curve

WIDTH, HEIGHT = 270, 170
"""Pixels of a plot without its axes: it fits a phone, and three fit a laptop."""

_COLOURS = ["var(--plot-1)", "var(--plot-2)", "var(--plot-3)"]
_KEPT = 200
_TEXT = {"labelColor": "var(--quiet)", "titleColor": "var(--quiet)", "labelFontSize": 11, "titleFontSize": 11}
_CONFIG: dict[str, Any] = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        **_TEXT,
        "titleFontWeight": "normal",
        "gridColor": "var(--rule)",
        "domainColor": "var(--rule)",
        "tickColor": "var(--rule)",
        "tickCount": 5,
    },
    # Above the plot: a title beside the axis runs into its labels where the page's font is wider than Vega's.
    "title": {
        "anchor": "start",
        "color": "var(--quiet)",
        "fontSize": 12,
        "fontWeight": "normal",
        "frame": "group",
        "offset": 6,
    },
    "legend": {**_TEXT, "orient": "top", "title": None, "offset": 4},
    "range": {"category": _COLOURS},
    "point": {"color": _COLOURS[0], "filled": True},
}


def learning_curve(name: str, curves: Sequence[Curve]) -> Markup:
    """One figure over the steps, a line for each side."""
    values = [
        {"step": step, "value": value, "side": curve.side}
        for curve in curves
        for step, value in zip(curve.steps, curve.values, strict=True)
    ]
    side: dict[str, Any] = {"field": "side", "type": "nominal", "sort": [curve.side for curve in curves]}
    if len(curves) == 1:
        side["legend"] = None
    return _draw(
        values,
        {
            "mark": {"type": "line", "point": {"size": 18}, "strokeWidth": 1.75},
            "encoding": {
                "x": _axis("step", "step"),
                "y": _axis("value", None, zero=False),
                "color": side,
            },
        },
        title=name.replace("_", " "),
    )


def residuals(pairs: Sequence[Sequence[float]]) -> Markup:
    """What was predicted over what was right; on the line they are the same."""
    values = [{"label": label, "prediction": prediction} for label, prediction in pairs]
    ends = [min(map(min, pairs)), max(map(max, pairs))]
    line = {
        "data": {"values": [{"label": end, "prediction": end} for end in ends]},
        "mark": {"type": "line", "color": "var(--quiet)", "strokeDash": [4, 3], "strokeWidth": 1},
    }
    return _draw(
        values,
        {
            "encoding": {"x": _axis("label", "label"), "y": _axis("prediction", None)},
            "layer": [line, {"mark": {"type": "point", "size": 12, "opacity": 0.5}}],
        },
        title="prediction",
    )


def percentiles(shares: Sequence[float], values: Sequence[float], *, title: str) -> Markup:
    """A figure over the share of the records that have no more of it."""
    points = [{"share": share, "value": value} for share, value in zip(shares, values, strict=True)]
    return _draw(
        points,
        {
            "mark": {"type": "line", "color": _COLOURS[0], "strokeWidth": 1.75},
            "encoding": {"x": _axis("share", "% of records"), "y": _axis("value", None, zero=False)},
        },
        title=title,
    )


def history(metric: str, versions: Sequence[tuple[datetime, str, float, bool]]) -> Markup:
    """A metric over the versions of a model.

    Args:
        metric: its name.
        versions: when each was made, its id, its metric, and whether it came into production.
    """
    values = [
        {"version": version, "value": value, "mark": "promoted" if promoted else "not promoted"}
        for _, version, value, promoted in sorted(versions)
    ]
    order = [value["version"] for value in values]
    x = {"field": "version", "type": "ordinal", "sort": order, "title": "version", "axis": {"labelAngle": 0}}
    point = {
        "mark": {"type": "point", "size": 70, "strokeWidth": 1.75, "filled": False},
        "encoding": {
            "color": {
                "field": "mark",
                "type": "nominal",
                "scale": {"domain": ["promoted", "not promoted"], "range": _COLOURS[:2]},
            },
            "shape": {
                "field": "mark",
                "type": "nominal",
                "scale": {"domain": ["promoted", "not promoted"], "range": ["circle", "cross"]},
            },
        },
    }
    line = {"mark": {"type": "line", "color": "var(--rule)", "strokeWidth": 1.5}}
    return _draw(
        values,
        {"encoding": {"x": x, "y": _axis("value", None, zero=False)}, "layer": [line, point]},
        title=metric.replace("_", " "),
    )


def _axis(field: str, title: str | None, *, zero: bool | None = None) -> dict[str, Any]:
    scale = {} if zero is None else {"scale": {"zero": zero}}
    return {"field": field, "type": "quantitative", "title": title, **scale}


def _draw(values: Sequence[Mapping[str, Any]], spec: Mapping[str, Any], *, title: str) -> Markup:
    whole = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "width": WIDTH,
        "height": HEIGHT,
        "data": {"values": values},
        "config": _CONFIG,
        **spec,
    }
    return Markup(_svg(json.dumps(whole)))  # noqa: S704, made here; Vega escapes its texts


@lru_cache(maxsize=_KEPT)
def _svg(spec: str) -> str:
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return svg
