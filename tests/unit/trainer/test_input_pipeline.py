"""Batches from TFRecords."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from trainer.adapter import ModelAdapter
from trainer.config import TrainConfig
from trainer.input_pipeline import (
    evaluation_batches,
    evaluation_steps,
    train_batches,
    unreadable_record,
)
from trainer.options import ResnetOptions
from trainer.records import Records
from trainer.resnet import ImageClassifier


@pytest.fixture
def config(dataset) -> TrainConfig:
    return TrainConfig.of(
        data_dir=str(dataset), job_dir="unused", image_size=32, train_batch_size=8, eval_batch_size=8
    )


@pytest.fixture
def records(dataset) -> Records:
    return Records.open(str(dataset))


@pytest.fixture(scope="module")
def adapter(dataset) -> ModelAdapter:
    options = ResnetOptions(image_size=32)
    return ImageClassifier(Records.open(str(dataset)), options, policy="float32")


def test_train_batches_have_the_shapes_of_the_model(adapter, records, config):
    images, labels = next(iter(train_batches(adapter, records, config, seed=0)))

    assert images.shape == (8, 32, 32, 3)
    assert images.dtype == tf.float32
    assert labels.dtype == tf.int64
    assert set(labels.numpy()) <= set(range(5))


def test_train_batches_of_the_same_seed_are_the_same(adapter, records, config):
    first, again, other = (
        [
            images.numpy()
            for images, _ in itertools.islice(train_batches(adapter, records, config, seed=seed), 6)
        ]
        for seed in (3, 3, 4)
    )

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_train_batches_go_on_after_the_last_record(adapter, records, config):
    batches = list(itertools.islice(train_batches(adapter, records, config, seed=0), 12))

    assert sum(len(labels) for _, labels in batches) > records.train.records


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 5])
def test_evaluation_batches_of_all_workers_hold_every_record_once(adapter, records, config, workers):
    weights, counts = 0.0, set()
    for worker in range(workers):
        context = tf.distribute.InputContext(workers, worker, num_replicas_in_sync=workers)
        batches = list(evaluation_batches(adapter, records, config, context=context))
        counts.add(len(batches))
        weights += sum(float(tf.reduce_sum(batch[2])) for batch in batches)

    assert weights == records.validation.records
    assert counts == {evaluation_steps(records, config, replicas=workers)}


def test_train_batches_of_two_workers_share_no_file(adapter, records, config):
    seen = []
    for worker in range(2):
        context = tf.distribute.InputContext(2, worker, num_replicas_in_sync=2)
        images, _ = next(iter(train_batches(adapter, records, config, seed=0, context=context)))
        assert images.shape[0] == 4
        seen.append(images.numpy())

    assert not np.array_equal(*seen)


@pytest.mark.parametrize(("size", "replicas", "steps"), [(8, 1, 2), (8, 5, 2), (3, 2, 4), (1, 20, 1)])
def test_evaluation_rounds_its_batch_up_to_what_the_replicas_can_share(dataset, size, replicas, steps):
    config = TrainConfig.of(data_dir=str(dataset), job_dir="unused", eval_batch_size=size)
    records = SimpleNamespace(validation=SimpleNamespace(records=13))

    assert evaluation_steps(records, config, replicas=replicas) == steps


def test_unreadable_record_names_file_position_and_picture(adapter, make_dataset):
    folder = make_dataset(train=8)
    records = Records.open(str(folder))
    assert unreadable_record(adapter, records) is None
    file = records.train.files[0]
    examples = [tf.train.Example.FromString(raw.numpy()) for raw in tf.data.TFRecordDataset(file)]
    image = examples[1].features.feature["image/encoded"].bytes_list.value
    image[0] = image[0][: len(image[0]) // 3]
    name = examples[1].features.feature["image/filename"].bytes_list.value[0].decode()
    with tf.io.TFRecordWriter(file) as writer:
        for example in examples:
            writer.write(example.SerializeToString())
    error = unreadable_record(adapter, records)
    assert error is not None
    assert f"record 1 of {file} ({name})" in str(error)
