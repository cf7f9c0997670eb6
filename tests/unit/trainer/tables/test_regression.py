import numpy as np
import pytest
import tensorflow as tf

from trainer.errors import InputError
from trainer.tables.options import RegressionOptions
from trainer.tables.regression import regression

OPTIONS = RegressionOptions(hidden_units="16 8", dropout=0.0, points="from_lon,from_lat,to_lon,to_lat")


def build(contract, statistics, options: RegressionOptions = OPTIONS):
    return regression(contract, statistics, options, policy="float32", seed=0)


def test_predict_is_in_the_labels_units_within_the_contracts_bounds(fare_contract, statistics):
    predict = build(fare_contract, statistics).predict
    label = statistics.numbers["fare"]
    predictions = predict(tf.constant([[0.0], [1.0], [-1e6], [1e6]]))["predictions"]
    assert predictions.dtype == tf.float32
    np.testing.assert_allclose(predictions[:, 0], [label.mean, label.mean + label.std, 0.0, 500.0], rtol=1e-6)


def test_losses_are_in_the_labels_units(fare_contract, statistics):
    model = build(fare_contract, statistics, RegressionOptions(huber_delta=0.5))
    mean, delta = statistics.numbers["fare"].mean, 0.5 * statistics.numbers["fare"].std
    losses = model.losses(tf.constant([mean, mean + delta, mean - 100.0]), tf.zeros((3, 1)))
    np.testing.assert_allclose(losses, [0.0, delta / 2, 100.0 - delta / 2], rtol=1e-5)


def test_training_beats_the_mean(fare_contract, statistics, trips, predict_after_training):
    outputs = predict_after_training(build(fare_contract, statistics), "fare")
    errors = outputs["predictions"][:, 0] - trips["fare"]
    assert np.std(errors) < 0.2 * statistics.numbers["fare"].std


def test_regression_of_a_class_is_refused(tipped_contract, statistics):
    with pytest.raises(InputError, match="label tipped: expected a number with statistics"):
        build(tipped_contract, statistics)
