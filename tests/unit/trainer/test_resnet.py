"""The ResNets."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.errors import InputError
from trainer.options import ResnetOptions
from trainer.records import Records
from trainer.resnet import ImageClassifier, resnet

# Of the published networks at 1,000 classes, in millions (torchvision's model table).
PUBLISHED_PARAMETERS = {18: 11.69, 34: 21.80, 50: 25.56}


@pytest.mark.parametrize(("depth", "millions"), PUBLISHED_PARAMETERS.items())
def test_resnet_has_as_many_parameters_as_the_published_one(depth, millions):
    model = resnet(depth, image_size=32, classes=1000)
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)

    # The source projects the first shortcut of basic blocks too: 64 x 64 weights and two normalizations.
    assert trainable / 1e6 == pytest.approx(millions, abs=0.02)


def test_resnet_in_bfloat16_gives_float32_logits():
    model = resnet(18, image_size=32, classes=5, policy="mixed_bfloat16")

    logits = model(np.zeros((2, 32, 32, 3), np.float32))

    assert logits.shape == (2, 5)
    assert logits.dtype == "float32"
    assert {v.dtype for v in model.trainable_variables} == {"float32"}


def test_resnet_last_normalization_of_each_block_begins_with_zero():
    model = resnet(18, image_size=32, classes=5)
    zeros = [v for v in model.trainable_variables if v.path.endswith("gamma") and not v.numpy().any()]

    assert len(zeros) == 8


def test_resnet_of_an_unknown_depth_names_the_flag():
    with pytest.raises(InputError, match=r"--resnet-depth: expected one of .*, received 19"):
        resnet(19, image_size=32, classes=5)


def test_training_loss_with_balanced_weights_counts_every_class_the_same(make_dataset):
    records = Records.open(str(make_dataset(train=11, labels=("a", "b"))))
    counts = records.train_label_counts
    options = ResnetOptions(image_size=32, class_weights="balanced")
    weighted = ImageClassifier(records, options, policy="float32")
    plain = ImageClassifier(records, ResnetOptions(image_size=32), policy="float32")
    targets = tf.constant([0] * counts[0] + [1] * counts[1], tf.int64)
    outputs = tf.zeros([len(targets), 2])

    ratio = weighted.training_losses(targets, outputs) / plain.training_losses(targets, outputs)

    assert counts[0] != counts[1]
    np.testing.assert_allclose(ratio[: counts[0]] * counts[0] * 2, sum(counts), rtol=1e-6)
    np.testing.assert_allclose(ratio[counts[0] :] * counts[1] * 2, sum(counts), rtol=1e-6)
    np.testing.assert_array_equal(weighted.losses(targets, outputs), plain.losses(targets, outputs))
