"""Records of prediction requests, and distributions of their latencies."""

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.vertex import serving_metrics
from emulator.vertex.serving_metrics import LatencyDistribution, PredictionRecord, ServingMetrics

LATENCIES = st.lists(st.floats(min_value=0.001, max_value=1e6), min_size=1, max_size=30)


def record(time: float) -> PredictionRecord:
    return PredictionRecord(
        time=time,
        endpoint="e",
        deployed_model_id="1",
        code=200,
        predictions=1,
        seconds=0.1,
        model_seconds=0.1,
    )


def test_between_gives_what_was_answered_after_the_start_and_until_the_end() -> None:
    metrics = ServingMetrics()
    for time in range(5):
        metrics.add(record(time))
    assert [one.time for one in metrics.between(1, 3)] == [2, 3]


def test_old_requests_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_metrics, "MOST_REQUESTS", 3)
    metrics = ServingMetrics()
    for time in range(5):
        metrics.add(record(time))
    assert [one.time for one in metrics.between(-1, 9)] == [2, 3, 4]


def test_requests_of_several_threads_are_read_while_they_are_added() -> None:
    metrics = ServingMetrics()

    def add() -> None:
        for time in range(5000):
            metrics.add(record(time))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        metrics.between(-1, 9)
    assert len(metrics.between(-1, 5000)) == 20_000


def bounds(message: dict[str, Any], index: int) -> tuple[float, float]:
    """The bounds of a bucket, as the API's reference defines them."""
    options = message["bucketOptions"]["exponentialBuckets"]
    scale, growth = options["scale"], options["growthFactor"]
    lower = scale * growth ** (index - 1) if index else float("-inf")
    return lower, scale * growth**index if index <= options["numFiniteBuckets"] else float("inf")


@given(LATENCIES)
def test_distribution_has_each_latency_in_its_bucket(milliseconds: list[float]) -> None:
    message = LatencyDistribution.of(milliseconds).to_json()
    for index, count in enumerate(map(int, message["bucketCounts"])):
        lower, upper = bounds(message, index)
        assert count == sum(lower <= value < upper for value in milliseconds)
    assert int(message["count"]) == len(milliseconds)
    assert message["mean"] == pytest.approx(sum(milliseconds) / len(milliseconds))
    assert message["bucketCounts"][-1] != "0"


@given(st.lists(LATENCIES, min_size=1, max_size=4))
def test_merged_distributions_are_that_of_all_latencies(parts: list[list[float]]) -> None:
    whole = LatencyDistribution.of([value for part in parts for value in part])
    merged = LatencyDistribution.merged([LatencyDistribution.of(part) for part in parts])
    assert (merged.count, merged.bucket_counts) == (whole.count, whole.bucket_counts)
    assert merged.mean == pytest.approx(whole.mean)
    assert merged.squared_deviation == pytest.approx(whole.squared_deviation, rel=1e-6, abs=1e-6)


@given(LATENCIES, st.sampled_from([0.05, 0.5, 0.95, 0.99]))
def test_percentile_lies_in_the_bucket_of_the_latency_of_its_rank(
    milliseconds: list[float], fraction: float
) -> None:
    found = LatencyDistribution.of(milliseconds)
    rank = next(n for n in range(1, found.count + 1) if n >= fraction * found.count)
    index = next(
        index for index in range(len(found.bucket_counts)) if sum(found.bucket_counts[: index + 1]) >= rank
    )
    lower, upper = bounds(found.to_json(), index)
    assert max(lower, 0) <= found.percentile(fraction) <= upper


def test_percentile_is_linear_within_a_bucket() -> None:
    found = LatencyDistribution.of([100.0] * 4)
    lower, upper = bounds(found.to_json(), len(found.bucket_counts) - 1)
    assert found.percentile(0.5) == pytest.approx((lower + upper) / 2)


def test_percentile_beyond_the_last_bound_is_that_bound() -> None:
    found = LatencyDistribution.of([1e12])
    assert found.percentile(0.5) == bounds(found.to_json(), len(found.bucket_counts) - 1)[0]
