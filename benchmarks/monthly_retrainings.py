"""Picture of a dataset's monthly retrainings, drawn from the history of its releases.

.venv/bin/python benchmarks/monthly_retrainings.py HISTORY docs/pictures/monthly-retrainings.svg

HISTORY is the folder `history/yellow_taxi` of the bucket, after
`airflow backfill create --dag-id yellow_taxi_training --from-date 2020-01-01 --to-date 2020-12-01
--max-active-runs 1`. Each event is a run: the new model and the version in production at that time, on the
same records of the newest month. The last line is a JSON object with the number of promotions.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import vl_convert

from contract.history import HistoryEvent

COLOURS = {"promoted": "#1f6f8b", "declined": "#c0562f", "in production before": "#8a8f95"}


def points(events: Sequence[HistoryEvent]) -> list[dict[str, Any]]:
    """Return a point for each model on each month: the metric with its 95 % interval."""
    found = []
    for event in events:
        if event.estimate is None:
            continue
        # The run's data ends with its interval: the month before that day was validated on.
        end = datetime.fromisoformat(event.run_id.split("__", 1)[1])
        month = f"{end - timedelta(days=1):%Y-%m}"
        low, high = event.estimate.interval()
        mark = "promoted" if event.kind == "promotion" else "declined"
        found.append({"month": month, "value": event.estimate.value, "low": low, "high": high, "mark": mark})
        if event.difference is not None:
            before = event.estimate.value - event.difference.value
            found.append({"month": month, "value": before, "low": before, "high": before,
                          "mark": "in production before"})  # fmt: skip
    return found


def picture(events: Sequence[HistoryEvent]) -> str:
    """Return the plot as SVG."""
    metric = events[-1].metric
    y = {"field": "value", "type": "quantitative", "title": metric.upper(), "scale": {"zero": False}}
    marks = {"domain": list(COLOURS), "range": list(COLOURS.values())}
    point = {
        "mark": {"type": "point", "size": 70, "filled": True},
        "encoding": {
            "y": y,
            "color": {"field": "mark", "type": "nominal", "title": None, "scale": marks},
            "shape": {"field": "mark", "type": "nominal", "title": None,
                      "scale": {"domain": list(COLOURS), "range": ["circle", "cross", "diamond"]}},
        },
    }  # fmt: skip
    interval = {
        "mark": {"type": "rule"},
        "encoding": {
            "y": {**y, "field": "low"},
            "y2": {"field": "high"},
            "color": {"field": "mark", "type": "nominal", "scale": marks},
        },
    }
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "width": 620,
        "height": 260,
        "data": {"values": points(events)},
        "encoding": {"x": {"field": "month", "type": "ordinal", "title": "month validated on",
                           "axis": {"labelAngle": 0}}},
        "layer": [interval, point],
        "config": {"legend": {"orient": "top"}, "font": "system-ui, sans-serif"},
    }  # fmt: skip
    svg: str = vl_convert.vegalite_to_svg(json.dumps(spec), allowed_base_urls=[])
    return svg


def main() -> None:
    """Write the picture, and print each run with its interval."""
    parser = argparse.ArgumentParser(description="Draws the retrainings of a dataset from its history.")
    parser.add_argument("history", type=Path, help="folder of the events")
    parser.add_argument("output", type=Path, help="SVG file")
    options = parser.parse_args()
    files = sorted(options.history.glob("[0-9]*.json"))
    events = [HistoryEvent.from_text(file.read_text()) for file in files]
    for event in events:
        if event.estimate is None:
            continue
        difference = ""
        if event.difference is not None:
            low, high = event.difference.interval()
            difference = (
                f", {event.difference.value:+.3f} ({low:+.3f} to {high:+.3f}) beside {event.from_version}"
            )
        print(f"{event.run_id}: {event.kind} of {event.to_version}, {event.estimate.value:.3f}{difference}")
    options.output.write_text(picture(events) + "\n")
    promoted = sum(event.kind == "promotion" for event in events)
    print(json.dumps({"runs": len(events), "promoted": promoted, "ratio": promoted / len(events)}))


if __name__ == "__main__":
    main()
