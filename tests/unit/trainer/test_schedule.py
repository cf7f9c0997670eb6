"""The learning rate against the source's table."""

from __future__ import annotations

import pytest

from trainer.schedule import WarmupSchedule

STEPS_PER_EPOCH = 10
# LR_SCHEDULE of the source, at 0.1 for a batch of 256: epoch to rate.
SOURCE = {
    0: 0.0, 1: 0.02, 2.5: 0.05, 5: 0.1, 29.9: 0.1, 30: 0.01, 59.9: 0.01, 60: 0.001, 79.9: 0.001, 80: 0.0001,
}  # fmt: skip


@pytest.mark.parametrize(("epoch", "rate"), SOURCE.items())
def test_warmup_schedule_over_90_epochs_is_the_source_s(epoch, rate):
    schedule = WarmupSchedule(total_steps=90 * STEPS_PER_EPOCH, peak=0.1, kind="steps")

    assert float(schedule(round(epoch * STEPS_PER_EPOCH))) == pytest.approx(rate, rel=1e-5)


def test_warmup_schedule_constant_stays_at_the_peak():
    schedule = WarmupSchedule(total_steps=90, peak=0.1, kind="constant")

    assert [float(schedule(step)) for step in (5, 89)] == pytest.approx([0.1, 0.1])


def test_warmup_schedule_cosine_falls_from_the_peak_to_zero():
    schedule = WarmupSchedule(total_steps=90, peak=0.1, kind="cosine")

    assert float(schedule(5)) == pytest.approx(0.1)
    assert float(schedule(47.5)) == pytest.approx(0.05, rel=1e-3)
    assert float(schedule(90)) == pytest.approx(0.0, abs=1e-7)
