"""TFRecord shards to batches."""

from __future__ import annotations

import tensorflow as tf

from dataset_contract import DataContract, FeatureSpec
from trainer.config import TrainConfig
from trainer.errors import InputError
from trainer.image_processing import augmented, centered
from trainer.records import Records, Split, example_features

_CYCLE = 16
_BLOCK = 16


def image_feature(contract: DataContract) -> FeatureSpec:
    """The feature that holds the image.

    Raises:
        InputError: there is not exactly one string input.
    """
    inputs = [feature for feature in contract.features if feature.role == "input"]
    if len(inputs) != 1 or inputs[0].dtype != "string":
        names = [feature.name for feature in inputs]
        raise InputError("features", expected="exactly one string with the role 'input'", received=names)
    return inputs[0]


def train_batches(
    records: Records,
    config: TrainConfig,
    *,
    seed: int,
    context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Augmented batches without end, the same for the same seed.

    Args:
        records: the dataset.
        config: sizes and augmentation.
        seed: of shuffling and augmentation.
        context: which part of the input this is, where several workers take part.

    Returns:
        Batches of images, float32 (batch, size, size, 3), and labels from 0, int64 (batch,).
    """
    context = context or tf.distribute.InputContext()
    image, label = image_feature(records.contract), records.contract.label
    spec = example_features([image, label])

    def parse(record: tf.Tensor, example_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = tf.io.parse_single_example(record, spec)
        pixels = augmented(
            example[image.name],
            image_size=config.image_size,
            crop_area_min=config.crop_area_min,
            seed=example_seed,
        )
        return pixels, example[label.name] - label.first_index

    shuffled = _shards(records.train, context, seed=seed).shuffle(config.shuffle_buffer, seed=seed).repeat()
    seeds = tf.data.Dataset.random(seed=seed + context.input_pipeline_id).batch(2)
    return (
        tf.data.Dataset.zip(shuffled, seeds)
        .map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(context.get_per_replica_batch_size(config.train_batch_size), drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def evaluation_batches(
    records: Records, config: TrainConfig, *, context: tf.distribute.InputContext | None = None
) -> tf.data.Dataset:
    """Every validation record once, in batches that all have the same shape.

    Args:
        records: the dataset.
        config: sizes.
        context: which part of the input this is, where several workers take part.

    Returns:
        As many batches for every worker: images, float32 (batch, size, size, 3), labels from 0, int64
        (batch,), and weights, float32 (batch,): 1, and 0 for what only fills the last batch.
    """
    context = context or tf.distribute.InputContext()
    image, label = image_feature(records.contract), records.contract.label
    spec = example_features([image, label])

    def parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        example = tf.io.parse_single_example(record, spec)
        pixels = centered(example[image.name], image_size=config.image_size)
        return pixels, example[label.name] - label.first_index, 1.0

    shape = (config.image_size, config.image_size, 3)
    filling = tf.data.Dataset.from_tensors((tf.zeros(shape), tf.constant(0, tf.int64), 0.0)).repeat()
    per_replica = context.get_per_replica_batch_size(config.eval_batch_size)
    replicas_here = context.num_replicas_in_sync // context.num_input_pipelines
    return (
        tf.data.TFRecordDataset(records.validation.files)
        .shard(context.num_input_pipelines, context.input_pipeline_id)
        .map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .concatenate(filling)
        .batch(per_replica, drop_remainder=True)
        .take(evaluation_steps(records, config) * replicas_here)
        .prefetch(tf.data.AUTOTUNE)
    )


def evaluation_steps(records: Records, config: TrainConfig) -> int:
    """Steps that it takes to evaluate every validation record."""
    return -(-records.validation.records // config.eval_batch_size)


def _shards(split: Split, context: tf.distribute.InputContext, *, seed: int) -> tf.data.Dataset:
    """The records of this part of the input, several files at a time, in an order given by the seed."""
    files = tf.data.Dataset.from_tensor_slices(list(split.files))
    by_file = len(split.files) % context.num_input_pipelines == 0
    if by_file:
        files = files.shard(context.num_input_pipelines, context.input_pipeline_id)
    records = files.shuffle(len(split.files), seed=seed).interleave(
        tf.data.TFRecordDataset,
        cycle_length=_CYCLE,
        block_length=_BLOCK,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    if by_file:
        return records
    return records.shard(context.num_input_pipelines, context.input_pipeline_id)
