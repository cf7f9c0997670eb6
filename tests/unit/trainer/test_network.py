"""Models of tables: predictions, losses, export."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.errors import InputError
from trainer.network import TableModel, regression, wide_deep
from trainer.options import RegressionOptions, WideDeepOptions

OPTIONS = WideDeepOptions(first_layer_size=16, num_layers=2, crosses="payment+zone")


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


REGRESSION = RegressionOptions(hidden_units="16 8", dropout=0.0, geo_pairs="from_lon,from_lat,to_lon,to_lat")


def build_regression(contract, statistics, options: RegressionOptions = REGRESSION):
    return regression(contract, statistics, options, policy="float32", seed=0)


def test_predict_is_in_the_labels_units_within_the_contracts_bounds(fare_contract, statistics):
    predict = build_regression(fare_contract, statistics).predict
    label = statistics.numbers["fare"]
    predictions = predict(tf.constant([[0.0], [1.0], [-1e6], [1e6]]))["predictions"]
    assert predictions.dtype == tf.float32
    np.testing.assert_allclose(predictions[:, 0], [label.mean, label.mean + label.std, 0.0, 500.0], rtol=1e-6)


def test_losses_are_in_the_labels_units(fare_contract, statistics):
    model = build_regression(fare_contract, statistics, RegressionOptions(huber_delta=0.5))
    mean, delta = statistics.numbers["fare"].mean, 0.5 * statistics.numbers["fare"].std
    losses = model.losses(tf.constant([mean, mean + delta, mean - 100.0]), tf.zeros((3, 1)))
    np.testing.assert_allclose(losses, [0.0, delta / 2, 100.0 - delta / 2], rtol=1e-5)


def test_training_beats_the_mean(fare_contract, statistics, trips, predict_after_training):
    outputs = predict_after_training(build_regression(fare_contract, statistics), "fare")
    errors = outputs["predictions"][:, 0] - trips["fare"]
    assert np.std(errors) < 0.2 * statistics.numbers["fare"].std


def test_regression_of_a_class_is_refused(tipped_contract, statistics):
    with pytest.raises(InputError, match="label tipped: expected a number with statistics"):
        build_regression(tipped_contract, statistics)


COMMON = {
    "categorical_numbers": "distance",
    "crosses": "payment+zone",
    "cross_buckets": 20,
    "geo_pairs": "from_lon,from_lat,to_lon,to_lat",
}


@pytest.fixture(scope="module", params=["tipped", "band", "fare"])
def model(request, statistics) -> TableModel:
    contract = request.getfixturevalue(f"{request.param}_contract")
    if request.param == "fare":
        options = RegressionOptions(hidden_units="8", **COMMON)
        return regression(contract, statistics, options, policy="float32", seed=0)
    options = WideDeepOptions(first_layer_size=8, num_layers=1, **COMMON)
    return wide_deep(contract, statistics, options, policy="float32", seed=0)


@pytest.fixture(scope="module")
def export(model, inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    names = sorted(inputs)
    specs = [tf.TensorSpec([None], inputs[name].dtype, name=name) for name in names]

    @tf.function(input_signature=specs)
    def serve(*columns: tf.Tensor) -> dict[str, tf.Tensor]:
        batch = dict(zip(names, columns, strict=True))
        return model.predict(model.network(model.transform(batch), training=False))

    servable = tf.Module()
    servable.model_variables = [variable.value for variable in model.network.variables]
    tf.saved_model.save(servable, str(folder), signatures={"serving_default": serve})
    return folder


def test_export_loaded_again_predicts_what_the_pipeline_predicts(model, export, inputs):
    dataset = tf.data.Dataset.from_tensor_slices(inputs).batch(100).map(model.transform)
    batches = [model.predict(model.network(encoded, training=False)) for encoded in dataset]
    loaded = tf.saved_model.load(str(export))
    outputs = loaded.signatures["serving_default"](**inputs)
    assert set(outputs) == set(batches[0])
    for name, received in outputs.items():
        expected = np.concatenate([batch[name] for batch in batches])
        if received.dtype == tf.float32:
            np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(received, expected)


def test_export_in_the_loader_of_tensorflow_1_predicts_the_same(export, inputs):
    loaded = tf.saved_model.load(str(export))
    expected = loaded.signatures["serving_default"](**inputs)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta_graph = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(export))
        signature = meta_graph.signature_def["serving_default"]
        feed = {signature.inputs[name].name: values.numpy() for name, values in inputs.items()}
        received = session.run({name: info.name for name, info in signature.outputs.items()}, feed)
    for name, values in expected.items():
        if values.dtype == tf.float32:
            np.testing.assert_allclose(received[name], values, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(received[name], values)
