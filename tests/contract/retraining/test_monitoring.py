"""Figures of predictions, read by Google's client from the emulator."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core.exceptions import GoogleAPIError
from googleapiclient.errors import HttpError

from retraining.context import run_context
from retraining.google.monitoring import EndpointHealth, Monitoring, latency_percentile


def ask(context: Any, times: int) -> None:
    for _ in range(times):
        with suppress(GoogleAPIError):
            context.endpoints.predict("flowers", [{"image_bytes": {"b64": "AA=="}}])


def test_health_counts_requests_errors_and_latency_of_one_deployment(chain: Any) -> None:
    chain.promoted("manual__0")
    with run_context(chain.context) as context:
        (deployed,) = context.endpoints.deployments("flowers")
        begun, monitoring = datetime.now(UTC), Monitoring(context.clients)
        ask(context, 5)
        found = monitoring.health("flowers", deployed.id, since=begun)
        assert (found.requests, found.errors) == (5, 0)
        assert found.latency_seconds is not None
        assert 0 < found.latency_seconds < 10
        other = monitoring.health("flowers", "1234567890", since=begun)
        assert other == EndpointHealth(requests=0, errors=0, latency_seconds=None)
        later = datetime.now(UTC)
        assert monitoring.health("flowers", deployed.id, since=later).requests == 0


def test_health_counts_what_the_model_refused_as_errors(chain: Any) -> None:
    job_dir = chain.trained(served="error")
    version = chain.create_version(job_dir)["name"]
    with run_context(chain.context) as context:
        endpoints, names = context.endpoints, context.names("flowers")
        endpoints.ensure("flowers", names, chain.spec.serving)
        deployed = endpoints.deploy(
            "flowers",
            context.models.get(version),
            serving=context.serving(chain.spec),
            service_account=None,
        )
        begun = datetime.now(UTC) - timedelta(seconds=1)
        ask(context, 3)
        found = Monitoring(context.clients).health("flowers", deployed.id, since=begun)
    assert (found.requests, found.errors) == (3, 3)


def test_series_have_google_s_names_and_labels(chain: Any) -> None:
    chain.promoted("manual__0")
    with run_context(chain.context) as context:
        ask(context, 2)
        answer = (
            context.clients.monitoring.projects()
            .timeSeries()
            .list(
                name=f"projects/{chain.project}",
                filter='metric.type = "aiplatform.googleapis.com/prediction/online/response_count"',
                interval_startTime=(datetime.now(UTC) - timedelta(minutes=5)).isoformat(),
                interval_endTime=datetime.now(UTC).isoformat(),
            )
            .execute()
        )
    (series,) = answer["timeSeries"]
    assert series["resource"]["type"] == "aiplatform.googleapis.com/Endpoint"
    assert series["resource"]["labels"]["endpoint_id"] == "flowers"
    assert series["metric"]["labels"]["response_code"] == "2xx"
    assert (series["metricKind"], series["valueType"]) == ("DELTA", "INT64")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"filter": ""}, "filter"),
        ({"interval_startTime": "yesterday"}, "interval.startTime"),
        ({"aggregation_crossSeriesReducer": "REDUCE_SUM"}, "aggregation.perSeriesAligner"),
    ],
)
def test_list_of_a_request_that_is_wrong_names_the_field(
    chain: Any, changes: dict[str, str], said: str
) -> None:
    now = datetime.now(UTC).isoformat()
    request = {"filter": 'metric.type = "x"', "interval_startTime": now, "interval_endTime": now, **changes}
    with run_context(chain.context) as context, pytest.raises(HttpError) as caught:
        context.clients.monitoring.projects().timeSeries().list(
            name=f"projects/{chain.project}", **request
        ).execute()
    assert caught.value.status_code == 400
    assert said in str(caught.value)


@pytest.mark.parametrize("status", [429, 503])
def test_health_that_the_service_cannot_answer_now_is_asked_again(chain: Any, status: int) -> None:
    chain.fault("monitoring.timeSeries.list", http_status=status)
    with run_context(chain.context) as context:
        found = Monitoring(context.clients).health("flowers", "1", since=datetime.now(UTC))
    assert found == EndpointHealth(requests=0, errors=0, latency_seconds=None)


def test_health_without_the_permission_is_asked_once(chain: Any) -> None:
    chain.fault("monitoring.timeSeries.list", http_status=403)
    with run_context(chain.context) as context:
        monitoring = Monitoring(context.clients)
        with pytest.raises(HttpError) as caught:
            monitoring.health("flowers", "1", since=datetime.now(UTC))
        assert monitoring.health("flowers", "1", since=datetime.now(UTC)).requests == 0
    assert caught.value.status_code == 403


def test_latency_percentile_of_all_distributions_together_is_the_bucket_s_upper_bound() -> None:
    options = {"exponentialBuckets": {"numFiniteBuckets": 4, "growthFactor": 10, "scale": 1}}
    fast = {"bucketOptions": options, "bucketCounts": ["0", "90"]}
    slow = {"bucketOptions": options, "bucketCounts": ["0", "0", "0", "10"]}
    assert latency_percentile([fast]) == 0.01
    assert latency_percentile([fast, slow]) == 1.0
    assert latency_percentile([]) is None


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({"explicitBuckets": {"bounds": [5, 50, 500]}}, 0.05),
        ({"linearBuckets": {"numFiniteBuckets": 4, "width": 100, "offset": 20}}, 0.12),
    ],
)
def test_latency_percentile_of_buckets_of_another_kind(options: dict[str, Any], seconds: float) -> None:
    assert latency_percentile([{"bucketOptions": options, "bucketCounts": ["0", "7"]}]) == seconds


def test_latency_percentile_beyond_the_last_bound_is_that_bound() -> None:
    options = {"exponentialBuckets": {"numFiniteBuckets": 2, "growthFactor": 10, "scale": 1}}
    assert latency_percentile([{"bucketOptions": options, "bucketCounts": ["0", "0", "0", "1"]}]) == 0.1
