from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from serving.errors import ModelError
from serving.rows import rows


def test_rows_of_several_outputs_gives_objects() -> None:
    outputs = {"classes": np.array([2, 0]), "probabilities": np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)}
    assert rows(outputs, count=2) == [
        {"classes": 2, "probabilities": [0.25, 0.75]},
        {"classes": 0, "probabilities": [1.0, 0.0]},
    ]


def test_rows_of_one_output_gives_bare_values() -> None:
    assert rows({"fare": np.array([1.5, 2.5])}, count=2) == [1.5, 2.5]


def test_rows_of_bfloat16_gives_floats() -> None:
    assert rows({"y": np.array([0.5], ml_dtypes.bfloat16)}, count=1) == [0.5]


def test_rows_of_strings_gives_text_and_base64_where_they_are_none() -> None:
    outputs = {
        "label": np.array([b"ros\xc3\xa9", b"\xff"], dtype=object),
        "png_bytes": np.array([[b"a"], [b"b"]], dtype=object),
    }
    assert rows(outputs, count=2) == [
        {"label": "rosé", "png_bytes": [{"b64": "YQ=="}]},
        {"label": {"b64": "/w=="}, "png_bytes": [{"b64": "Yg=="}]},
    ]


@pytest.mark.parametrize("array", [np.array(1.0), np.array([1.0]), np.array([1.0, 2.0, 3.0])])
def test_rows_with_another_batch_names_the_output(array: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"outputs\[y\]: expected 2 rows"):
        rows({"y": array}, count=2)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_with_a_number_that_is_not_json_names_output_and_instance(value: float) -> None:
    with pytest.raises(ModelError, match=r"outputs\[y\]: expected finite .* instance 1"):
        rows({"y": np.array([[0.0], [value]])}, count=2)
