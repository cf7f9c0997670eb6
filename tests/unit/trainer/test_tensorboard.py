"""TensorBoard summaries and contact sheets."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from samples.flowers import render
from trainer.tensorboard import CaptionedImage, Summaries, contact_sheet


def test_summaries_of_a_step_are_read_back_by_tensorboard(tmp_path):
    summaries = Summaries(tmp_path)
    summaries.scalars(10, {"train/loss": 1.5})
    summaries.images(10, {"validation/predictions": np.zeros((4, 4, 3), np.uint8)})

    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()

    assert set(events.Tags()["tensors"]) == {"train/loss", "validation/predictions"}
    assert events.Tensors("train/loss")[0].step == 10


def test_summaries_of_a_worker_that_is_not_the_chief_write_nothing(tmp_path):
    Summaries(tmp_path, enabled=False).scalars(1, {"train/loss": 1.5})

    assert not list(tmp_path.iterdir())


def _tensors(folder):
    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


def test_scalars_are_in_a_closed_file_as_soon_as_they_are_written(tmp_path):
    summaries = Summaries(tmp_path, interval_seconds=0)
    for step in (1, 2, 3):
        summaries.scalars(step, {"train/loss": 1 / step})
        files = list(tmp_path.iterdir())
        assert len(files) == step
        assert not {os.path.realpath(f) for f in Path("/proc/self/fd").glob("*")} & set(map(str, files))

    assert [event.step for event in _tensors(tmp_path).Tensors("train/loss")] == [1, 2, 3]


def test_scalars_that_come_too_soon_share_the_next_file(tmp_path):
    summaries = Summaries(tmp_path, interval_seconds=3600)
    for step in range(1, 6):
        summaries.scalars(step, {"train/loss": 1 / step})
    assert [event.step for event in _tensors(tmp_path).Tensors("train/loss")] == [1]
    summaries.flush()
    summaries.flush()

    assert len(list(tmp_path.iterdir())) == 2
    assert [event.step for event in _tensors(tmp_path).Tensors("train/loss")] == [1, 2, 3, 4, 5]


def _shown() -> CaptionedImage:
    file = io.BytesIO(render("roses", seed=0, index=0, size=64))
    return CaptionedImage(file=file, caption="tulips 40%\nis roses", correct=False)


def test_contact_sheet_has_a_row_for_every_four_pictures():
    five = contact_sheet([_shown() for _ in range(5)])

    assert five.shape[0] == 2 * contact_sheet([_shown()]).shape[0]
