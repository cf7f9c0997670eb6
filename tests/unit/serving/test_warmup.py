"""What a model is warmed up with, and whether its signature gets rows of several requests in a batch."""

from __future__ import annotations

import base64
import io
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contract.artifacts import GoldenRequest
from serving.errors import InstanceError
from serving.instances import PixelLimits
from serving.model import Model
from serving.requests import PredictRequest


def save(function: Any, folder: Path, shape: list[int | None], **more: Any) -> Path:
    import tensorflow as tf

    module = tf.Module()
    signature = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.float32, name="x")])
    module.signature = signature
    tf.saved_model.save(module, str(folder), signatures={"serving_default": signature, **more})
    return folder


def test_model_that_mixes_rows_gets_no_batches(tmp_path: Path) -> None:
    import tensorflow as tf

    model = Model(save(lambda x: {"y": x - tf.reduce_mean(x)}, tmp_path, [None]))
    assert model.batched == {"serving_default": False}
    assert model.predict([1.0, 3.0]) == [-1.0, 1.0]


def test_model_with_a_fixed_batch_size_gets_no_batches(tmp_path: Path) -> None:
    assert Model(save(lambda x: {"y": x * 2}, tmp_path, [2])).batched == {"serving_default": False}


def test_model_that_treats_each_row_alone_gets_batches(number_model: Path) -> None:
    assert Model(number_model).batched == {"serving_default": True}


def test_bad_row_of_one_request_leaves_the_others_of_a_batch_as_they_were(image_model: Path) -> None:
    model = Model(image_model)
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (0, 0, 250)).save(stream, "JPEG")
    good = PredictRequest(instances=[{"b64": base64.b64encode(stream.getvalue()).decode()}])
    bad = PredictRequest(instances=[good.instances[0], {"b64": "bm90IGFuIGltYWdl"}])
    first, second, third = model.run([model.prepare(good), model.prepare(bad), model.prepare(good)])
    assert isinstance(second, InstanceError)
    assert second.field == "instances[1]"
    for outputs in (first, third):
        assert not isinstance(outputs, Exception)
        assert outputs["classes"].tolist() == [2]


def test_golden_requests_beside_the_graph_warm_it_up(
    number_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(number_model, folder)
    golden = folder / GoldenRequest.EXPORTED
    golden.parent.mkdir()
    requests = [
        GoldenRequest(instance={"position": [n, 2.0], "passengers": 4}, prediction=1.0) for n in (3.0, 5.0)
    ]
    golden.write_text("".join(request.to_line() for request in requests))
    seen: list[list[Any]] = []
    prepare = Model.prepare

    def recorded(self: Model, request: PredictRequest) -> Any:
        seen.append(list(request.instances))
        return prepare(self, request)

    monkeypatch.setattr(Model, "prepare", recorded)
    assert Model(folder).batched == {"serving_default": True}
    assert seen == [[dict(request.instance) for request in requests]]


def test_golden_requests_that_cannot_be_read_are_a_warning(
    number_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(number_model, folder)
    (folder / GoldenRequest.EXPORTED).parent.mkdir()
    (folder / GoldenRequest.EXPORTED).write_text("{}\n")
    with caplog.at_level(logging.WARNING):
        model = Model(folder)
    assert "no warm-up with golden requests" in caplog.text
    assert model.predict([{"position": [1, 2], "passengers": 2}]) == [1.5]


def test_signature_is_chosen_by_name_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    triple = tf.function(
        lambda x: {"z": x * 3}, input_signature=[tf.TensorSpec([None], tf.float32, name="x")]
    )
    model = Model(save(lambda x: {"y": x * 2}, tmp_path, [None], triple=triple))
    (outputs,) = model.run([model.prepare(PredictRequest(instances=[1.0], signature="triple"))])
    assert not isinstance(outputs, Exception)
    np.testing.assert_array_equal(outputs["z"], [3.0])
    with pytest.raises(InstanceError, match="signature_name: expected one of serving_default, triple, rec"):
        model.prepare(PredictRequest(instances=[1.0], signature="none"))


def test_image_of_too_many_pixels_is_refused_by_its_header(image_model: Path) -> None:
    stream = io.BytesIO()
    Image.new("L", (200, 100)).save(stream, "PNG")
    header_alone = stream.getvalue()[:33]  # nothing that could be decoded
    instance = {"b64": base64.b64encode(header_alone).decode()}
    model = Model(image_model, pixels=PixelLimits(image=19_999))
    with pytest.raises(InstanceError) as caught:
        model.prepare(PredictRequest(instances=[instance]))
    assert caught.value.field == "instances[0].image_bytes"
    assert caught.value.expected == "an image of at most 19,999 pixels"
    assert caught.value.received == "100 by 200 pixels"
    model = Model(image_model, pixels=PixelLimits(image=20_000, request=39_999))
    with pytest.raises(InstanceError, match=r"instances\[1\].image_bytes: expected at most 39,999 pixels"):
        model.prepare(PredictRequest(instances=[instance, instance]))
