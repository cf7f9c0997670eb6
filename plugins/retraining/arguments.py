"""The arguments of trainings as fields of the trigger form: what each means and which values it can have.

The trainer knows the same of its flags; Airflow can't import it. A test compares the two. An argument that is
not listed, of a user's own program for instance, is a field of its type without bounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow.sdk import Param

from contract import TrainingSpec

MODEL = "model"

_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_COUNT = {"minimum": 1}
_POSITIVE = {"exclusiveMinimum": 0}
_SHARE = {"minimum": 0, "exclusiveMaximum": 1}

SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "base_learning_rate": _POSITIVE,
    "code_size": _COUNT,
    "crop_area_min": {"exclusiveMinimum": 0, "maximum": 1},
    "cross_buckets": _COUNT,
    "dropout": _SHARE,
    "embedding_size": _COUNT,
    "eval_batch_size": _COUNT,
    "eval_steps": _COUNT,
    "export_format": {"enum": ["JSON", "CSV", "EXAMPLE"]},
    "filters": _COUNT,
    "first_layer_size": _COUNT,
    "hidden_units": {"pattern": r"^[1-9]\d*( [1-9]\d*)*$"},
    "huber_delta": _POSITIVE,
    "image_size": _COUNT,
    "label_smoothing": _SHARE,
    "learning_rate_schedule": {"enum": ["steps", "cosine", "constant"]},
    "log_every": _COUNT,
    "momentum": _SHARE,
    "num_epochs": _POSITIVE,
    "num_layers": _COUNT,
    "optimizer": {"enum": ["momentum", "adam"]},
    "precision": {"enum": ["auto", "float32", "bfloat16"]},
    "resnet_depth": {"enum": [18, 34, 50, 101, 152, 200]},
    "scale_factor": _POSITIVE,
    "seed": {"minimum": 0},
    "shuffle_buffer": _COUNT,
    "steps_per_eval": _COUNT,
    "train_batch_size": _COUNT,
    "train_epochs": _POSITIVE,
    "train_steps": _COUNT,
    "verbosity": {"enum": ["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]},
    "weight_decay": {"minimum": 0},
}
OF_MODELS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "autoencoder": {"image_size": {"minimum": 8, "maximum": 256, "multipleOf": 4}},
    "resnet": {"image_size": {"minimum": 32, "maximum": 1024}},
}
MEANINGS = {
    "base_learning_rate": "How far a step goes; with the optimizer momentum, for a batch of 256",
    "code_size": "Numbers that a picture is reduced to",
    "crop_area_min": "The smallest share of a picture that training cuts out of it",
    "cross_buckets": "Weights that the combinations of a group share, where there are more combinations",
    "crosses": "Features whose combinations count as such, joined by +, with commas between the groups",
    "dropout": "Share of each hidden layer's outputs that a training step leaves out",
    "embedding_size": "Numbers that stand for a word in the hidden layers",
    "eval_batch_size": "Examples per step of an evaluation, over all replicas",
    "eval_steps": "Steps of an evaluation on the way; the last one takes all records",
    "categorical_numbers": "Numbers whose values are categories as well, with commas between them",
    "export_format": "What a request to the model holds",
    "filters": "Of the first convolution; the second has twice as many",
    "first_layer_size": "Units of the first hidden layer",
    "hidden_units": "Units of each hidden layer, with spaces between them",
    "huber_delta": "From this error on, in standard deviations of the label, the loss grows only linearly",
    "image_size": "Side of the square that the model sees, in pixels",
    "label_smoothing": "Probability that is spread over all classes",
    "learning_rate_schedule": "How the learning rate falls after the warm-up",
    "log_every": "Steps between lines of the log",
    "momentum": "Share of the last step that the next one keeps",
    "num_epochs": "Passes over the training records",
    "num_layers": "Hidden layers",
    "optimizer": "The rule by which weights follow gradients",
    "num_bins": "Straight pieces of the function of each number; 0 for one line",
    "geo_pairs": "Four numbers that hold two points on Earth, with commas between them",
    "precision": "Of the arithmetic; auto takes bfloat16 where the processor gains from it",
    "resnet_depth": "Layers of the network",
    "scale_factor": "What a hidden layer has of the units of the one before it",
    "seed": "Of weights, shuffling and augmentation",
    "shuffle_buffer": "Records that are shuffled at a time",
    "steps_per_eval": "Steps between evaluations; a checkpoint is written at each",
    "timestamp": "Words that hold a date and a time, with commas between them",
    "train_batch_size": "Examples per step, over all replicas",
    "train_epochs": "Passes over the training records",
    "train_steps": "Optimizer steps",
    "verbosity": "How much is logged",
    "weight_decay": "How much large weights cost",
}


def argument_fields(training: TrainingSpec, section: str) -> Iterator[tuple[str, Param]]:
    """A field for each argument of a training, with the spec's value as its default.

    The model itself is no choice, since the others are its own: its field is hidden and takes no other value.
    """
    program = training.image or training.module
    of_model = OF_MODELS.get(str(training.arguments.get(MODEL)), {})
    for name, value in training.arguments.items():
        schema = {**SCHEMAS.get(name, {}), **of_model.get(name, {})}
        if "enum" in schema and value not in schema["enum"]:
            schema = {}  # another program's argument of the same name
        if name == MODEL:
            schema = {"const": value}
        flag = f"--{name} of {program}"
        yield (
            name,
            Param(
                value,
                type=_JSON_TYPES[type(value)],
                title=name.replace("_", " ").capitalize(),
                description=f"{MEANINGS[name]} ({flag})" if name in MEANINGS else flag,
                section=section,
                **schema,
            ),
        )
