"""Plots as SVG, rendered by Vega-Lite on the server, in the colours of the page.

https://vega.github.io/vega-lite/docs/
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from contract.estimates import Estimate
from retraining.artifacts import LearningCurve

WIDTH, HEIGHT = 270, 170
"""Pixels of a plot without its axes: it fits a phone, and three fit a laptop."""

_COLOURS = ["var(--plot-1)", "var(--plot-2)", "var(--plot-3)"]
_CACHED_PLOTS = 200
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


def start_renderer() -> None:
    """Start Vega-Lite's JavaScript engine, which takes a second; the first plot waits for it otherwise."""
    _svg(json.dumps({"data": {"values": []}, "mark": "point"}))


def learning_curve(name: str, curves: Sequence[LearningCurve]) -> Markup:
    """Plot a metric over the steps, a line for each split."""
    values = [
        {"step": step, "value": value, "split": curve.split}
        for curve in curves
        for step, value in zip(curve.steps, curve.values, strict=True)
    ]
    color: dict[str, Any] = {"field": "split", "type": "nominal", "sort": [curve.split for curve in curves]}
    if len(curves) == 1:
        color["legend"] = None
    return _render(
        values,
        {
            "mark": {"type": "line", "point": {"size": 18}, "strokeWidth": 1.75},
            "encoding": {
                "x": _axis("step", "step"),
                "y": _axis("value", None, zero=False),
                "color": color,
            },
        },
        title=name.replace("_", " "),
    )


def residuals(pairs: Sequence[Sequence[float]]) -> Markup:
    """Plot predictions over labels, with the line on which both are equal.

    Args:
        pairs: label and prediction of each record.
    """
    values = [{"label": label, "prediction": prediction} for label, prediction in pairs]
    ends = [min(map(min, pairs)), max(map(max, pairs))]
    line = {
        "data": {"values": [{"label": end, "prediction": end} for end in ends]},
        "mark": {"type": "line", "color": "var(--quiet)", "strokeDash": [4, 3], "strokeWidth": 1},
    }
    return _render(
        values,
        {
            "encoding": {"x": _axis("label", "label"), "y": _axis("prediction", None)},
            "layer": [line, {"mark": {"type": "point", "size": 12, "opacity": 0.5}}],
        },
        title="prediction",
    )


def percentiles(percents: Sequence[float], values: Sequence[float], *, title: str) -> Markup:
    """Plot percentiles of a quantity.

    Args:
        percents: 0 to 100, ascending.
        values: the quantity at each.
        title: name of the quantity.
    """
    points = [{"percent": percent, "value": value} for percent, value in zip(percents, values, strict=True)]
    return _render(
        points,
        {
            "mark": {"type": "line", "color": _COLOURS[0], "strokeWidth": 1.75},
            "encoding": {"x": _axis("percent", "% of records"), "y": _axis("value", None, zero=False)},
        },
        title=title,
    )


@dataclass(frozen=True, kw_only=True)
class VersionPoint:
    """A version of a model in the plot of its metric.

    Attributes:
        version: its id.
        value: the metric.
        estimate: the metric with its standard error; None if that isn't known.
        mark: `promoted`, `not promoted` or `rolled back`.
    """

    version: str
    value: float
    estimate: Estimate | None
    mark: str


def metric_history(metric: str, versions: Sequence[VersionPoint]) -> Markup:
    """Plot a metric over the versions of a model, with 95 % intervals.

    Args:
        metric: its name.
        versions: oldest first.
    """
    values = []
    for one in versions:
        low, high = one.estimate.interval() if one.estimate else (one.value, one.value)
        values.append(
            {"version": one.version, "value": one.value, "mark": one.mark, "low": low, "high": high}
        )
    x = {
        "field": "version",
        "type": "ordinal",
        "sort": [one.version for one in versions],
        "title": "version",
        "axis": {"labelAngle": 0},
    }
    marks = ["promoted", "not promoted", "rolled back"]
    point = {
        "mark": {"type": "point", "size": 70, "strokeWidth": 1.75, "filled": False},
        "encoding": {
            "y": _axis("value", None, zero=False),
            "color": {"field": "mark", "type": "nominal", "scale": {"domain": marks, "range": _COLOURS}},
            "shape": {
                "field": "mark",
                "type": "nominal",
                "scale": {"domain": marks, "range": ["circle", "cross", "triangle-down"]},
            },
        },
    }
    line = {
        "mark": {"type": "line", "color": "var(--rule)", "strokeWidth": 1.5},
        "encoding": {"y": _axis("value", None, zero=False)},
    }
    interval = {
        "mark": {"type": "rule", "color": "var(--quiet)", "strokeWidth": 1},
        "encoding": {"y": _axis("low", None, zero=False), "y2": {"field": "high"}},
    }
    return _render(
        values, {"encoding": {"x": x}, "layer": [line, interval, point]}, title=metric.replace("_", " ")
    )


def _axis(field: str, title: str | None, *, zero: bool | None = None) -> dict[str, Any]:
    scale = {} if zero is None else {"scale": {"zero": zero}}
    return {"field": field, "type": "quantitative", "title": title, **scale}


def _render(values: Sequence[Mapping[str, Any]], spec: Mapping[str, Any], *, title: str) -> Markup:
    document = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "width": WIDTH,
        "height": HEIGHT,
        "data": {"values": values},
        "config": _CONFIG,
        **spec,
    }
    return Markup(_svg(json.dumps(document)))  # noqa: S704, Vega escapes texts


@lru_cache(maxsize=_CACHED_PLOTS)
def _svg(spec: str) -> str:
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return svg
