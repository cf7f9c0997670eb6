"""What TensorBoard gets to see."""

from __future__ import annotations

from samples.flowers import render
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trainer.tensorboard import PredictedImage, Summaries, contact_sheet

SHOWN = PredictedImage(
    image=render("roses", seed=0, index=0, size=64), label="roses", predicted="tulips", probability=0.4
)


def test_summaries_of_a_step_are_read_back_by_tensorboard(tmp_path):
    summaries = Summaries(tmp_path)
    summaries.scalars(10, {"train/loss": 1.5})
    summaries.predictions(10, [SHOWN])

    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()

    assert set(events.Tags()["tensors"]) == {"train/loss", "validation/predictions"}
    assert events.Tensors("train/loss")[0].step == 10


def test_summaries_of_a_worker_that_is_not_the_chief_write_nothing(tmp_path):
    Summaries(tmp_path, enabled=False).scalars(1, {"train/loss": 1.5})

    assert not list(tmp_path.iterdir())


def test_contact_sheet_has_a_row_for_every_four_images():
    assert contact_sheet([SHOWN] * 5).shape[0] == 2 * contact_sheet([SHOWN] * 4).shape[0]
