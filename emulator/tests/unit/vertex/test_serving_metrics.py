"""Records of prediction requests."""

from emulator.vertex import serving_metrics
from emulator.vertex.serving_metrics import PredictionRecord, ServingMetrics


def record(time: float) -> PredictionRecord:
    return PredictionRecord(
        time=time, endpoint="e", deployed_model_id="1", code=200, predictions=1, seconds=0.1
    )


def test_between_gives_what_was_answered_after_the_start_and_until_the_end() -> None:
    metrics = ServingMetrics()
    for time in range(5):
        metrics.add(record(time))
    assert [one.time for one in metrics.between(1, 3)] == [2, 3]


def test_old_requests_are_forgotten(monkeypatch) -> None:
    monkeypatch.setattr(serving_metrics, "MOST_REQUESTS", 3)
    metrics = ServingMetrics()
    for time in range(5):
        metrics.add(record(time))
    assert [one.time for one in metrics.between(-1, 9)] == [2, 3, 4]
