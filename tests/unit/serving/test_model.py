from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from PIL import Image

from serving.errors import InstanceError, ModelError, NotFiniteError
from serving.model import Model
from serving.responses import predictions, response


def jpeg(colour: tuple[int, int, int]) -> dict[str, str]:
    import base64

    stream = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(stream, "JPEG")
    return {"b64": base64.b64encode(stream.getvalue()).decode()}


@pytest.fixture(scope="module")
def images(image_model: Path) -> Model:
    return Model(image_model)


@pytest.fixture(scope="module")
def numbers(number_model: Path) -> Model:
    return Model(number_model)


def test_predict_of_images_gives_a_row_each(images: Model) -> None:
    red, blue = images.predict([{"image_bytes": jpeg((250, 0, 0))}, jpeg((0, 0, 250))])
    assert (red["classes"], blue["classes"]) == (0, 2)
    assert sum(red["probabilities"]) == pytest.approx(1)


def test_predict_of_several_inputs_gives_bare_values_of_the_one_output(numbers: Model) -> None:
    assert numbers.predict([{"position": [1, 2], "passengers": 2}]) == [1.5]


def test_predict_with_an_undecodable_image_names_the_instance(images: Model) -> None:
    with pytest.raises(InstanceError) as caught:
        images.predict([jpeg((1, 2, 3)), {"b64": "bm90IGFuIGltYWdl"}, jpeg((4, 5, 6))])
    assert caught.value.field == "instances[1]"
    assert "image" in caught.value.received.lower()
    assert "{{" not in caught.value.received
    assert "[[" not in caught.value.received


def test_predict_with_infinite_answer_alone_is_an_error_of_the_request(numbers: Model) -> None:
    with pytest.raises(NotFiniteError, match=r"instances\[0\]: expected a row for which fare is") as caught:
        numbers.predict([{"position": [1, 2], "passengers": 0}])
    assert caught.value.status == 400


def test_predict_with_one_infinite_answer_fails_that_row_alone(numbers: Model) -> None:
    row = {"position": [1, 2], "passengers": 1}
    first, second, third = numbers.predict([row, {**row, "passengers": 0}, {**row, "passengers": 3}])
    assert (first, third) == (3.0, 1.0)
    assert second["error"]["field"] == "instances[1]"


def test_model_without_a_serving_signature_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ModelError, match="expected serving_default"):
        Model(tmp_path)


def test_model_without_a_batch_dimension_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="x")])  # type: ignore[misc]
    def double(x: Any) -> dict[str, Any]:
        return {"y": x * 2}

    module.double = double
    tf.saved_model.save(module, str(tmp_path), signatures=double)
    with pytest.raises(ModelError, match=r"signature.inputs\[x\]: expected a batch dimension"):
        Model(tmp_path)


def test_predictions_of_several_outputs_gives_objects() -> None:
    outputs = {"classes": np.array([2, 0]), "probabilities": np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)}
    assert predictions(outputs, count=2) == [
        {"classes": 2, "probabilities": [0.25, 0.75]},
        {"classes": 0, "probabilities": [1.0, 0.0]},
    ]


def test_predictions_of_one_output_gives_bare_values() -> None:
    assert predictions({"fare": np.array([1.5, 2.5])}, count=2) == [1.5, 2.5]


def test_predictions_of_bfloat16_gives_floats() -> None:
    assert predictions({"y": np.array([0.5], ml_dtypes.bfloat16)}, count=1) == [0.5]


def test_predictions_of_strings_gives_text_and_base64_where_they_are_none() -> None:
    outputs = {
        "label": np.array([b"ros\xc3\xa9", b"\xff"], dtype=object),
        "png_bytes": np.array([[b"a"], [b"b"]], dtype=object),
    }
    assert predictions(outputs, count=2) == [
        {"label": "rosé", "png_bytes": [{"b64": "YQ=="}]},
        {"label": {"b64": "/w=="}, "png_bytes": [{"b64": "Yg=="}]},
    ]


@pytest.mark.parametrize("array", [np.array(1.0), np.array([1.0]), np.array([1.0, 2.0, 3.0])])
def test_predictions_with_another_batch_names_the_output(array: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"outputs\[y\]: expected 2 rows"):
        predictions({"y": array}, count=2)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_response_by_columns_with_a_number_that_is_not_json_names_row_and_output(value: float) -> None:
    outputs = {"y": np.array([[0.0], [value]])}
    with pytest.raises(NotFiniteError, match=r"inputs\[1\]: expected a row for which y is finite"):
        response(outputs, count=2, columnar=True)


def test_response_by_columns_gives_lists_by_output() -> None:
    outputs = {"a": np.array([1, 2]), "b": np.array([[b"x"], [b"\xff"]], dtype=object)}
    assert json.loads(response(outputs, count=2, columnar=True)[0]) == {
        "outputs": {"a": [1, 2], "b": [["x"], [{"b64": "/w=="}]]}
    }
    assert json.loads(response({"a": outputs["a"]}, count=2, columnar=True)[0]) == {"outputs": [1, 2]}
