from __future__ import annotations

import pytest

from contract.predictions import prediction_rows, render


def test_prediction_rows_of_several_outputs_are_objects() -> None:
    rows = prediction_rows({"classes": [1, 0], "probabilities": [[0.25, 0.75], [0.5, 0.5]]})
    assert rows == [
        {"classes": 1, "probabilities": [0.25, 0.75]},
        {"classes": 0, "probabilities": [0.5, 0.5]},
    ]


def test_prediction_rows_of_one_output_are_bare_values() -> None:
    assert prediction_rows({"fare": [[7.5], [8.0]]}) == [[7.5], [8.0]]


@pytest.mark.parametrize(
    ("name", "value", "encoded"),
    [
        ("word", b"daisy", "daisy"),
        ("word", "größe".encode(), "größe"),
        ("word", b"\xff\xfe", {"b64": "//4="}),
        ("image_bytes", b"daisy", {"b64": "ZGFpc3k="}),
        ("image_bytes", [b"a", b"\xff"], [{"b64": "YQ=="}, {"b64": "/w=="}]),
        ("words", [[b"a"], [b"b"]], [["a"], ["b"]]),
    ],
)
def test_prediction_rows_encode_bytes_as_tensorflow_serving_does(
    name: str, value: object, encoded: object
) -> None:
    assert prediction_rows({name: [value], "other": [1]}) == [{name: encoded, "other": 1}]


def test_prediction_rows_of_unequal_outputs_raise() -> None:
    with pytest.raises(ValueError, match=r"argument 2"):
        prediction_rows({"a": [1], "b": [1, 2]})


def test_render_of_a_classification_ranks_the_classes() -> None:
    found = render({"classes": 1, "probabilities": [0.2, 0.7, 0.1]}, labels=("a", "b", "c"), label=1.0)
    assert (found.text, found.label, found.correct) == ("b", "b", True)
    assert found.probabilities == (("b", 0.7), ("a", 0.2), ("c", 0.1))
    assert str(found) == "b (70%)"
    assert render({"probabilities": [0.2, 0.8]}, labels=("a", "b"), label=0).correct is False


def test_render_of_a_classification_without_labels_counts_classes() -> None:
    found = render({"probabilities": [0.2, 0.8]})
    assert (found.text, found.label, found.correct) == ("class 1", "", None)


@pytest.mark.parametrize("prediction", [[7.25], 7.25, [[7.25]], {"predictions": [7.25]}])
def test_render_of_a_regression_is_the_quantity(prediction: object) -> None:
    found = render(prediction, label=8)
    assert (found.text, found.label, found.correct) == ("7.25", "8", None)


def test_render_of_an_autoencoder_has_the_image_and_its_error() -> None:
    found = render({"reconstruction": [[0.0, 1.0]], "error": 0.0125}, label=3)
    assert (found.image, found.label) == ([[0.0, 1.0]], "")
    assert "0.0125" in found.text


def test_render_of_anything_else_shows_it_as_json() -> None:
    assert '"depth": 3' in render({"depth": 3}).other
