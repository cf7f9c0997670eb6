from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from serving.errors import InstanceError
from serving.instances import columns
from serving.signature import TensorSpec

IMAGE = TensorSpec(name="image_bytes", kind="string", dtype=object, batch=None, shape=())
FLOAT = TensorSpec(name="x", kind="float", dtype=np.float32, batch=None, shape=())
COUNT = TensorSpec(name="n", kind="integer", dtype=np.int32, batch=None, shape=())
FLAG = TensorSpec(name="flag", kind="boolean", dtype=np.bool_, batch=None, shape=())
PAIR = TensorSpec(name="pair", kind="float", dtype=np.float32, batch=None, shape=(2,))
TOKENS = TensorSpec(name="tokens", kind="string", dtype=object, batch=None, shape=(None,))


def test_columns_of_named_inputs_gives_one_array_each() -> None:
    arrays = columns([{"x": 1, "n": 2}, {"x": 3.5, "n": -4}], [FLOAT, COUNT])
    assert arrays["x"].dtype == np.float32
    assert arrays["x"].tolist() == [1.0, 3.5]
    assert arrays["n"].dtype == np.int32
    assert arrays["n"].tolist() == [2, -4]


@pytest.mark.parametrize("instance", [{"b64": "/9j/"}, {"image_bytes": {"b64": "/9j/"}}])
def test_columns_of_one_input_takes_bare_and_named_bytes(instance: object) -> None:
    assert columns([instance], [IMAGE])["image_bytes"].tolist() == [b"\xff\xd8\xff"]


def test_columns_with_b64_deep_in_a_list_decodes_it() -> None:
    arrays = columns([["a", {"b64": "Yg=="}], ["c", "é"]], [TOKENS])
    assert arrays["tokens"].tolist() == [[b"a", b"b"], [b"c", "é".encode()]]


def test_columns_with_an_input_named_b64_reads_it_as_the_input() -> None:
    spec = TensorSpec(name="b64", kind="string", dtype=object, batch=None, shape=())
    assert columns([{"b64": "Yg=="}], [spec])["b64"].tolist() == [b"Yg=="]


@pytest.mark.parametrize(
    ("instances", "inputs", "field", "expected"),
    [
        ([{"x": 1}], [FLOAT, COUNT], "instances[0].n", "an integer"),
        ([1], [FLOAT, COUNT], "instances[0]", "an object with n, x"),
        ([1, {"y": 1, "x": 2}], [FLOAT], "instances[1].y", "only x"),
        (["1"], [FLOAT], "instances[0].x", "a float"),
        ([True], [FLOAT], "instances[0].x", "a float"),
        ([None], [FLOAT], "instances[0].x", "a float"),
        ([1, [2]], [FLOAT], "instances[1].x", "a float"),
        ([1.5], [COUNT], "instances[0].n", "an integer"),
        ([2**31], [COUNT], "instances[0].n", "integers from -2147483648 to 2147483647"),
        ([2**70], [COUNT], "instances[0].n", "an integer"),
        ([1], [FLAG], "instances[0].flag", "a boolean"),
        ([[1, 2], [1, 2, 3]], [PAIR], "instances[1].pair", "floats of shape [2]"),
        ([[1, [2]]], [PAIR], "instances[0].pair", "floats of shape [2], in lists of equal length"),
        ([["a"], ["b", "c"]], [TOKENS], "instances[1].tokens", "the shape of the first instance, [1]"),
        (
            [["a", ["b"]]],
            [TOKENS],
            "instances[0].tokens",
            'strings or {"b64": ...}, in lists of equal length',
        ),
        ([["a", 1]], [TOKENS], "instances[0].tokens[1]", 'a string or {"b64": "..."}'),
        ([{"image_bytes": {"b64": "?"}}], [IMAGE], "instances[0].image_bytes.b64", "base64"),
        ([{"image_bytes": {"b64": 1}}], [IMAGE], "instances[0].image_bytes", 'a string or {"b64": "..."}'),
        ([{"image_bytes": 7}], [IMAGE], "instances[0].image_bytes", 'a string or {"b64": "..."}'),
    ],
)
def test_columns_with_a_bad_value_names_its_path(
    instances: list[Any], inputs: list[TensorSpec], field: str, expected: str
) -> None:
    with pytest.raises(InstanceError) as caught:
        columns(instances, inputs)
    assert (caught.value.field, caught.value.expected) == (field, expected)


def test_columns_for_a_fixed_batch_refuses_another_number() -> None:
    spec = TensorSpec(name="x", kind="float", dtype=np.float32, batch=2, shape=())
    with pytest.raises(InstanceError, match="expected 2 instances, received 3"):
        columns([1, 2, 3], [spec])
