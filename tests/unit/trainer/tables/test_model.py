import numpy as np
import pytest
import tensorflow as tf

from trainer.tables.model import TableModel
from trainer.tables.options import RegressionOptions, WideDeepOptions
from trainer.tables.regression import regression
from trainer.tables.wide_deep import wide_deep

COMMON = {
    "exact": "distance",
    "crosses": "payment+zone",
    "cross_buckets": 20,
    "timestamp": "started",
    "points": "from_lon,from_lat,to_lon,to_lat",
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
