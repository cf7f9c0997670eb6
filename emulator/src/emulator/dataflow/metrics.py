"""Beam's metrics as Dataflow's MetricUpdates.

https://cloud.google.com/dataflow/docs/reference/rest/v1b3/MetricUpdate; its client puts the tentative and the
committed one of a name together: apache_beam/runners/dataflow/dataflow_metrics.py.
"""

from __future__ import annotations

from typing import Any

from apache_beam.metrics.metric import MetricResults
from apache_beam.runners.runner import PipelineResult


def metric_updates(result: PipelineResult, *, time: str) -> list[dict[str, Any]]:
    """The user's counters, distributions and string sets, each once committed and once tentative.

    Args:
        result: a finished pipeline.
        time: RFC 3339, written into every update.
    """
    found = result.metrics().query()
    updates = []
    for kind, convert in (
        (MetricResults.COUNTERS, _counter),
        (MetricResults.DISTRIBUTIONS, _distribution),
        (MetricResults.STRINGSETS, _string_set),
    ):
        for metric in found[kind]:
            context = {"step": metric.key.step, "namespace": metric.key.metric.namespace}
            for extra in ({}, {"tentative": "true"}):
                name = {
                    "origin": "user",
                    "name": metric.key.metric.name,
                    "context": {**context, **extra},
                }
                updates.append({"name": name, **convert(metric.result), "updateTime": time})
    return updates


def _counter(value: Any) -> dict[str, Any]:
    return {"kind": "Sum", "scalar": value}


def _distribution(value: Any) -> dict[str, Any]:
    return {
        "kind": "Distribution",
        "distribution": {
            "count": value.count, "sum": value.sum, "min": value.min, "max": value.max, "mean": value.mean,
        },
    }  # fmt: skip


def _string_set(value: Any) -> dict[str, Any]:
    return {"kind": "Set", "set": sorted(value)}
