"""Checkpoints: the model, the optimizer and, in its iterations, the step."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import tensorflow as tf

from trainer.config import TrainConfig
from trainer.errors import InputError
from trainer.job import write_json
from trainer.loop import Loop
from trainer.ranges import flag_of

_PARAMETERS = "parameters.json"
_MAX_TO_KEEP = 2


class Checkpoints:
    """The checkpoints of one job.

    TensorFlow writes a checkpoint under a temporary name and then its name into the file `checkpoint`: an
    interrupted save leaves the one before in place.

    Args:
        folder: where they are.
        loop: what they hold.
        config: must agree with the one that began the job.
        chief: whether this process writes them. The others take part in saving, since it gathers variables,
            but into a folder that nobody reads.

    Raises:
        InputError: the folder holds checkpoints of a job with other parameters.
    """

    def __init__(self, folder: Path, loop: Loop, config: TrainConfig, *, chief: bool) -> None:
        self._loop = loop
        self._folder = folder
        checkpoint = tf.train.Checkpoint(model=loop.learner.network, optimizer=loop.optimizer)
        self._scratch = None if chief else tempfile.TemporaryDirectory()
        place = str(folder) if self._scratch is None else self._scratch.name
        self._manager = tf.train.CheckpointManager(
            checkpoint, place, max_to_keep=_MAX_TO_KEEP, step_counter=loop.optimizer.iterations.value
        )
        self._agree(config, chief=chief)

    def restore(self) -> int:
        """Go on from the newest checkpoint, if there is one.

        Returns:
            The step that the model is at.
        """
        newest = tf.train.latest_checkpoint(self._folder)
        if newest is not None:
            self._manager.checkpoint.restore(newest).assert_existing_objects_matched()
        return self._loop.step

    def save(self) -> None:
        """Write a checkpoint of this step."""
        self._manager.save(checkpoint_number=self._loop.step)

    def _agree(self, config: TrainConfig, *, chief: bool) -> None:
        path = self._folder / _PARAMETERS
        ours = config.identity()
        if path.is_file():
            theirs = json.loads(path.read_text())
            for name, value in ours.items():
                if theirs.get(name) != value:
                    raise InputError(
                        f"{flag_of(name)} of a job that began in {self._folder}",
                        expected=repr(theirs.get(name)),
                        received=value,
                    )
        elif chief:
            write_json(path, ours)
