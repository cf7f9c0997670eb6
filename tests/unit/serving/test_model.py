from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from serving.errors import InstanceError, ModelError
from serving.model import Model


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


def test_predict_with_infinite_answer_is_an_error_of_the_model(numbers: Model) -> None:
    with pytest.raises(ModelError, match=r"outputs\[fare\]: expected finite numbers"):
        numbers.predict([{"position": [1, 2], "passengers": 0}])


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
