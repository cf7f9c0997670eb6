"""The command line of a training job: one flag for each field of `TrainConfig`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import get_args

from trainer.config import ModelName, PrecisionName, ResnetDepth, ScheduleName, TrainConfig, flag_of

_HELP = {
    "data_dir": "folder or gs:// URI of the TFRecords and their features.json",
    "job_dir": "folder or gs:// URI for everything that the job leaves behind",
    "model": "what to train",
    "resnet_depth": "layers of the ResNet",
    "image_size": "side of the square that the model sees, in pixels",
    "train_batch_size": "images per step, over all replicas",
    "eval_batch_size": "images per evaluation step, over all replicas",
    "train_steps": "optimizer steps (default: as many as --train-epochs takes)",
    "train_epochs": "passes over the training records, where --train-steps is not given",
    "steps_per_eval": "steps between evaluations; a checkpoint is written at each",
    "log_every": "steps between progress lines, and per call of the compiled loop",
    "base_learning_rate": "for a batch of 256; scaled with the batch",
    "learning_rate_schedule": "steps at 30, 60 and 80 of 90 parts after a warm-up, or a cosine",
    "momentum": "Nesterov momentum",
    "weight_decay": "factor of the L2 loss of the weights",
    "label_smoothing": "probability mass that is spread over all classes",
    "crop_area_min": "smallest share of an image that a random crop keeps",
    "precision": "auto takes bfloat16 where the processor gains from it",
    "seed": "of weights, shuffling and augmentation",
    "shuffle_buffer": "records that are shuffled at a time",
    "production_model": "SavedModel in production, evaluated on the same records",
    "production_version": "its version, for the report",
}
_TYPES = {"int": int, "int | None": int, "ResnetDepth": int, "float": float}
_CHOICES = {
    "model": get_args(ModelName),
    "resnet_depth": get_args(ResnetDepth),
    "learning_rate_schedule": get_args(ScheduleName),
    "precision": get_args(PrecisionName),
}


def parse(argv: Sequence[str] | None = None) -> TrainConfig:
    """The configuration that a command line asks for; exits with a message where a flag is unknown.

    Raises:
        InputError: a value is out of range.
    """
    parser = argparse.ArgumentParser(
        prog="python -m trainer.task",
        description="Trains a model on TFRecords, evaluates it and exports it as a SavedModel.",
        epilog="Flags can be written with dashes or underscores. AIP_MODEL_DIR, AIP_CHECKPOINT_DIR, "
        "AIP_TENSORBOARD_LOG_DIR and TF_CONFIG are honoured.",
        allow_abbrev=False,
    )
    for field in fields(TrainConfig):
        required = field.default is MISSING
        shown = "" if required or field.default in (None, "") else f" (default: {field.default})"
        names = dict.fromkeys((flag_of(field.name), f"--{field.name}"))
        parser.add_argument(
            *names,
            dest=field.name,
            type=_TYPES.get(str(field.type), str),
            required=required,
            default=None if required else field.default,
            choices=_CHOICES.get(field.name),
            metavar=None if field.name in _CHOICES else field.name.rpartition("_")[2].upper(),
            help=_HELP[field.name] + shown,
        )
    return TrainConfig(**vars(parser.parse_args(argv)))
