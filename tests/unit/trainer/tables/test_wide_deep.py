import numpy as np
import pytest
import tensorflow as tf

from trainer.errors import InputError
from trainer.tables.options import WideDeepOptions
from trainer.tables.wide_deep import wide_deep

OPTIONS = WideDeepOptions(first_layer_size=16, num_layers=2, crosses="payment+zone", timestamp="started")


def build(contract, statistics, *, policy: str = "float32", seed: int = 0):
    return wide_deep(contract, statistics, OPTIONS, policy=policy, seed=seed)


def test_predict_of_two_classes_gives_what_the_estimators_gave(tipped_contract, statistics, inputs):
    model = build(tipped_contract, statistics)
    outputs = model.predict(model.network(model.transform(inputs)))
    rows = len(inputs["distance"])
    assert {name: (value.dtype.name, tuple(value.shape)) for name, value in outputs.items()} == {
        "class_ids": ("int64", (rows, 1)),
        "classes": ("string", (rows, 1)),
        "logistic": ("float32", (rows, 1)),
        "logits": ("float32", (rows, 1)),
        "probabilities": ("float32", (rows, 2)),
    }
    np.testing.assert_allclose(np.sum(outputs["probabilities"], axis=1), 1.0, rtol=1e-5)
    chosen = np.take(["no", "yes"], outputs["class_ids"]).astype(bytes)
    np.testing.assert_array_equal(outputs["classes"], chosen)
    np.testing.assert_array_equal(outputs["class_ids"], np.greater(outputs["logistic"], 0.5))


def test_predict_of_three_classes_has_no_logistic(band_contract, statistics, inputs):
    model = build(band_contract, statistics)
    outputs = model.predict(model.network(model.transform(inputs)))
    assert set(outputs) == {"class_ids", "classes", "logits", "probabilities"}
    assert outputs["logits"].shape == outputs["probabilities"].shape == (len(inputs["distance"]), 3)


@pytest.mark.parametrize("label", ["tipped", "band"])
def test_losses_of_an_untrained_model_are_the_cross_entropy(label, request, statistics, inputs, trips):
    model = build(request.getfixturevalue(f"{label}_contract"), statistics)
    logits = model.network(model.transform(inputs))
    losses = model.losses(tf.constant(trips[label]), logits)
    right = np.take_along_axis(model.predict(logits)["probabilities"].numpy(), trips[label][:, None], axis=1)
    np.testing.assert_allclose(losses, -np.log(right[:, 0]), rtol=1e-4)


def test_network_of_the_same_seed_is_the_same(tipped_contract, statistics):
    first, same, other = (build(tipped_contract, statistics, seed=seed) for seed in (1, 1, 2))
    for one, two in zip(first.network.get_weights(), same.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    embeddings = [model.network.get_layer("embeddings").get_weights()[0] for model in (first, other)]
    assert not np.array_equal(*embeddings)


def test_network_in_bfloat16_gives_float32(tipped_contract, statistics, inputs):
    model = build(tipped_contract, statistics, policy="mixed_bfloat16")
    assert model.network(model.transform(inputs)).dtype == tf.float32


def test_training_beats_the_majority_class(tipped_contract, statistics, trips, predict_after_training):
    outputs = predict_after_training(build(tipped_contract, statistics), "tipped")
    assert np.mean(outputs["class_ids"][:, 0] == trips["tipped"]) > 0.97


def test_wide_deep_of_a_number_is_refused(fare_contract, statistics):
    with pytest.raises(InputError, match="label fare: expected two classes or more"):
        build(fare_contract, statistics)
