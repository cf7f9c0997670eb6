import base64
import json

import pytest

from retraining.ui.answers import example, show

LABELS = ["daisy", "roses"]
JPEG = base64.b64encode(b"\xff\xd8\xff" + bytes(60)).decode()


def test_show_classes_names_the_likeliest_first() -> None:
    answer = show({"classes": 1, "probabilities": [0.25, 0.75]}, LABELS)
    assert answer.headline == "roses"
    assert answer.shares == [("roses", 0.75), ("daisy", 0.25)]


def test_show_classes_without_names_numbers_them() -> None:
    assert show({"probabilities": [0.1, 0.9]}, []).headline == "class 1"


@pytest.mark.parametrize("prediction", [12.3456, [12.3456], {"predictions": [12.3456]}])
def test_show_number_gives_four_digits(prediction: object) -> None:
    assert show(prediction, []).headline == "12.35"


def test_show_reconstruction_gives_a_picture_and_the_error() -> None:
    answer = show({"reconstruction": [[[0.0], [1.0]], [[0.5], [2.0]]], "error": 0.0123}, [])
    assert answer.headline == "mean squared error 0.0123"
    assert answer.picture is not None
    content = base64.b64decode(answer.picture.partition(",")[2])
    assert content.startswith(b"\x89PNG")


def test_show_of_another_kind_gives_its_json() -> None:
    assert json.loads(show({"boxes": [1, 2]}, []).raw) == {"boxes": [1, 2]}


def test_example_of_a_picture_says_whether_the_answer_is_right() -> None:
    line = {"instance": {"image_bytes": {"b64": JPEG}}, "prediction": {"probabilities": [0.9, 0.1]}}
    right, wrong = (example({**line, "label": label, "filename": "a/b.jpg"}, LABELS) for label in (0, 1))
    assert (right.right, wrong.right, wrong.label) == (True, False, "roses")
    assert right.name == "b.jpg"
    assert right.picture is not None
    assert right.picture.startswith("data:image/jpeg;base64,")


def test_example_of_a_row_shows_its_values_and_the_label() -> None:
    found = example({"instance": {"passengers": 2}, "prediction": [7.5], "label": 8.25}, [])
    assert (found.row, found.label, found.right) == ({"passengers": 2}, "8.25", None)


def test_example_whose_bytes_are_no_picture_shows_none() -> None:
    html = base64.b64encode(b"<script>alert(1)</script>").decode()
    line = {"instance": {"image_bytes": {"b64": html}}, "prediction": [1.0]}
    assert example(line, []).picture is None
