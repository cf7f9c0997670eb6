"""Checkpoints (model, optimizer and, in its iterations, the step) and the signal to stop."""

from __future__ import annotations

import json
import signal
import tempfile
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import keras
import tensorflow as tf

from trainer.config import TrainConfig
from trainer.errors import InputError, flag_of
from trainer.report import write_json

_PARAMETERS = "parameters.json"
_MAX_TO_KEEP = 2


class Checkpoints:
    """Checkpoints of one job.

    TensorFlow writes a checkpoint under a temporary name and then its name into the file `checkpoint`: an
    interrupted save leaves the one before in place.

    Args:
        folder: of the checkpoints.
        network: the model whose weights are saved.
        optimizer: built for the network; its iterations are the step.
        config: must agree with the one that began the job.
        chief: True in the process that writes them. The others take part in saving, since it gathers
            variables, but into a folder that nobody reads.

    Raises:
        InputError: the folder holds checkpoints of a job with other parameters.
    """

    def __init__(
        self,
        folder: Path,
        *,
        network: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        config: TrainConfig,
        chief: bool,
    ) -> None:
        self._folder = folder
        self._optimizer = optimizer
        checkpoint = tf.train.Checkpoint(model=network, optimizer=optimizer)
        self._scratch = None if chief else tempfile.TemporaryDirectory()
        place = str(folder) if self._scratch is None else self._scratch.name
        self._manager = tf.train.CheckpointManager(
            checkpoint, place, max_to_keep=_MAX_TO_KEEP, step_counter=optimizer.iterations.value
        )
        self._check_parameters(config, chief=chief)

    def restore(self) -> int:
        """Restore the newest checkpoint, if there is one.

        Returns:
            The step of the model.
        """
        newest = tf.train.latest_checkpoint(self._folder)
        if newest is not None:
            self._manager.checkpoint.restore(newest).assert_existing_objects_matched()
        return self._step

    def save(self) -> None:
        """Write a checkpoint of this step."""
        self._manager.save(checkpoint_number=self._step)

    @property
    def _step(self) -> int:
        return int(self._optimizer.iterations.numpy())

    def _check_parameters(self, config: TrainConfig, *, chief: bool) -> None:
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


class StopRequest:
    """Context in which SIGTERM is remembered instead of ending the process.

    Spot VMs that are preempted and jobs that are cancelled get one, and some seconds to save their state.
    """

    def __init__(self, *, listen: bool = True) -> None:
        self.received = False
        self._listen = listen
        self._before: Any = None

    def __enter__(self) -> Self:
        if self._listen:
            self._before = signal.signal(signal.SIGTERM, self._remember)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._listen:
            signal.signal(signal.SIGTERM, self._before)

    def _remember(self, _signal: int, _frame: FrameType | None) -> None:
        self.received = True
