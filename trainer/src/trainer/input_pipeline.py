"""Input pipeline: TFRecord shards to batches, sharded over workers."""

from __future__ import annotations

import tensorflow as tf

from trainer.adapter import ModelAdapter
from trainer.config import TrainConfig
from trainer.errors import InputError
from trainer.records import Records, Split, record_name

_CYCLE = 16
_BLOCK = 16


def train_batches(
    adapter: ModelAdapter,
    records: Records,
    config: TrainConfig,
    *,
    seed: int,
    context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Return shuffled batches without end, the same for the same seed.

    Args:
        adapter: parses the records.
        records: the dataset.
        config: batch and buffer sizes.
        seed: of shuffling and augmentation.
        context: the part of the input, where several workers take part.

    Returns:
        Batches of network inputs and targets.
    """
    context = context or tf.distribute.InputContext()
    shuffled = _shards(records.train, context, seed=seed).shuffle(config.shuffle_buffer, seed=seed).repeat()
    return adapter.training_batches(
        shuffled,
        batch_size=context.get_per_replica_batch_size(config.train_batch_size),
        seed=seed + context.input_pipeline_id,
    ).prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
    adapter: ModelAdapter,
    records: Records,
    config: TrainConfig,
    *,
    context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Return every validation record once, in batches that all have the same shape.

    Args:
        adapter: parses the records.
        records: the dataset.
        config: batch and buffer sizes.
        context: the part of the input, where several workers take part.

    Returns:
        As many batches for every worker: network inputs, targets, and weights, float32 (batch,): 1 for a
        record, 0 for padding of the last batch.
    """
    context = context or tf.distribute.InputContext()
    workers, worker = context.num_input_pipelines, context.input_pipeline_id
    here = len(range(worker, records.validation.records, workers))
    replicas = context.num_replicas_in_sync
    per_replica = _evaluated_per_replica(config, replicas)
    serialized = records.validation.read()
    padding = serialized.take(1).repeat()
    batches = adapter.evaluation_batches(
        serialized.shard(workers, worker).concatenate(padding), batch_size=per_replica
    )
    weights = (
        tf.data.Dataset.range(here).map(lambda _: 1.0).concatenate(tf.data.Dataset.from_tensors(0.0).repeat())
    )
    return (
        tf.data.Dataset.zip(batches, weights.batch(per_replica, drop_remainder=True))
        .map(lambda batch, weights: (*batch, weights))
        .take(evaluation_steps(records, config, replicas=replicas) * (replicas // workers))
        .prefetch(tf.data.AUTOTUNE)
    )


def unreadable_record(adapter: ModelAdapter, records: Records) -> InputError | None:
    """Return an error that names the first record that the input pipeline can't read; None if it reads all.

    Reads every record alone, in the order of the shards.

    Args:
        adapter: parses the records.
        records: the dataset.
    """
    splits = [records.train, records.validation, *([records.test] if records.test else [])]
    for file in (file for split in splits for file in split.files):
        position = 0
        try:
            for _ in adapter.evaluation_batches(tf.data.TFRecordDataset(file), batch_size=1):
                position += 1
        except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
            name = record_name(file, position, records.contract)
            return InputError(
                f"record {position} of {file}{f' ({name})' if name else ''}",
                expected="one that the model can read",
                received=error.message.partition("\n")[0][:300],
            )
    return None


def evaluation_steps(records: Records, config: TrainConfig, *, replicas: int = 1) -> int:
    """Return the steps of an evaluation while training: all validation records, or fewer by the flag.

    Args:
        records: the dataset.
        config: batch size, which is rounded up to a multiple of the replicas: it determines no result.
        replicas: number of devices that share a batch.
    """
    steps = -(-records.validation.records // (_evaluated_per_replica(config, replicas) * replicas))
    return min(steps, config.eval_steps or steps)


def _evaluated_per_replica(config: TrainConfig, replicas: int) -> int:
    return -(-config.eval_batch_size // replicas)


def _shards(split: Split, context: tf.distribute.InputContext, *, seed: int) -> tf.data.Dataset:
    """Return the records of this part of the input, files interleaved, in an order given by the seed."""
    files = tf.data.Dataset.from_tensor_slices(list(split.files))
    by_file = len(split.files) % context.num_input_pipelines == 0
    if by_file:
        files = files.shard(context.num_input_pipelines, context.input_pipeline_id)
    records = files.shuffle(len(split.files), seed=seed).interleave(
        split.read_file,
        cycle_length=_CYCLE,
        block_length=_BLOCK,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    if by_file:
        return records
    return records.shard(context.num_input_pipelines, context.input_pipeline_id)
