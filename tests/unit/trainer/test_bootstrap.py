"""Bootstrap: standard errors against formulas, pairing, and the least that is ever stated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trainer.bootstrap import bootstrap
from trainer.metrics import MeanMetrics, RegressionMetrics


def right(seed: int, records: int, accuracy: float) -> MeanMetrics:
    return MeanMetrics("accuracy", (np.random.default_rng(seed).random(records) < accuracy).astype(float))


def test_standard_error_of_a_fraction_is_the_formula_s():
    model = right(0, 400, 0.8)
    found = bootstrap(model, {}).metrics["accuracy"]
    assert found.value == model.values()["accuracy"]
    assert found.standard_error == pytest.approx(math.sqrt(found.value * (1 - found.value) / 400), rel=0.08)


def test_standard_error_of_a_mean_is_the_formula_s():
    errors = np.random.default_rng(1).exponential(2.0, size=500)
    found = bootstrap(RegressionMetrics(errors, np.zeros(500)), {}).metrics["mae"]
    assert found.standard_error == pytest.approx(errors.std() / math.sqrt(500), rel=0.08)


def test_difference_is_paired_so_that_what_both_find_hard_drops_out():
    model = right(0, 500, 0.8)
    other = MeanMetrics("accuracy", np.where(np.arange(500) < 10, 1.0, model._values))
    result = bootstrap(model, {"other": other})
    difference = result.differences["other"]["accuracy"]
    assert difference.value == pytest.approx(model.values()["accuracy"] - other.values()["accuracy"])
    assert difference.standard_error < result.metrics["accuracy"].standard_error / 4


def test_models_that_agree_on_all_records_may_still_differ_on_the_next():
    model = right(0, 98, 0.9)
    found = bootstrap(model, {"twin": model}).differences["twin"]["accuracy"]
    assert found.value == 0
    assert found.standard_error == pytest.approx(math.sqrt(2) / 100)


def test_one_record_says_next_to_nothing():
    found = bootstrap(MeanMetrics("accuracy", np.ones(1)), {}).metrics["accuracy"]
    low, high = found.interval()
    assert low < 0.1
    assert high > 1


def test_metrics_that_the_other_lacks_have_no_difference():
    found = bootstrap(MeanMetrics("mse", np.ones(40)), {"other": right(0, 40, 0.5)})
    assert found.differences == {"other": {}}


def test_result_is_the_same_each_time():
    assert bootstrap(right(0, 50, 0.5), {}) == bootstrap(right(0, 50, 0.5), {})


def test_standard_error_of_a_difference_is_the_formula_s():
    generator = np.random.default_rng(2)
    ours, theirs = generator.exponential(2.0, 600), generator.exponential(7.0, 600)
    found = bootstrap(MeanMetrics("mse", ours), {"other": MeanMetrics("mse", theirs)})
    difference = found.differences["other"]["mse"]
    assert difference.standard_error == pytest.approx((ours - theirs).std() / math.sqrt(600), rel=0.08)


class Counting(MeanMetrics):
    """Counts how often it is computed."""

    times = 0

    def compute(self, weights):
        Counting.times += 1
        return {"mse": 1.0}


@pytest.mark.parametrize(
    ("records", "asked", "times"),
    [(40, 1000, 1001), (40, 300, 301), (200_000, 1000, 501), (600_000, 1000, 201)],
)
def test_samples_are_fewer_for_very_many_records_and_never_too_few(records, asked, times):
    Counting.times = 0
    bootstrap(Counting("mse", np.ones(records)), {}, resamples=asked)
    assert Counting.times == times
