"""Golden requests and how answers are compared with them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from contract import ContractError
from retraining.golden import GoldenRequest, differences, parse

ANSWER = {"classes": 3, "probabilities": [0.1, 0.9]}
REQUEST = GoldenRequest(instance={"image_bytes": {"b64": "AA=="}}, prediction=ANSWER)


def test_parse_reads_a_request_from_each_line() -> None:
    line = json.dumps({"instance": REQUEST.instance, "prediction": ANSWER, "label": 3, "filename": "a.jpg"})
    assert parse(f"{line}\n{line}\n") == [REQUEST, REQUEST]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one request"),
        ("{}\nno", "line 1.instance: expected dict"),
        ("no", "line 1: expected JSON"),
        ("[]", "line 1: expected a JSON object"),
        ('{"instance": {}}', "line 1.prediction"),
    ],
)
def test_parse_of_a_wrong_line_names_it(text: str, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        parse(text)


@pytest.mark.parametrize(
    "prediction",
    [
        ANSWER,
        {"classes": 3.0, "probabilities": [0.1, 0.9]},
        {"classes": 3, "probabilities": [0.1005, 0.8995]},
    ],
)
def test_differences_within_rounding_are_none(prediction: Any) -> None:
    assert differences([REQUEST], [prediction]) == []


@pytest.mark.parametrize(
    ("prediction", "found"),
    [
        ({"classes": 2, "probabilities": [0.1, 0.9]}, "predictions[0].classes: expected 3, received 2"),
        (
            {"classes": 3, "probabilities": [0.2, 0.9]},
            "predictions[0].probabilities[0]: expected 0.1, received 0.2",
        ),
        (
            {"classes": 3, "probabilities": [0.1, math.nan]},
            "predictions[0].probabilities[1]: expected 0.9, received nan",
        ),
        ({"classes": 3, "probabilities": [0.1]}, "expected [0.1, 0.9], received [0.1]"),
        ({"classes": 3}, "received {'classes': 3}"),
        ("rose", "received 'rose'"),
    ],
)
def test_differences_name_place_and_values(prediction: Any, found: str) -> None:
    (difference,) = differences([REQUEST], [prediction])
    assert found in difference


def test_differences_of_a_rows_answer_compare_words_exactly_and_indices_as_numbers() -> None:
    row = GoldenRequest(
        instance={"age": 25, "education": "11th"},
        prediction={"classes": ["<=50K"], "class_ids": [5000], "logits": [-2.5]},
    )
    assert differences([row], [{"classes": ["<=50K"], "class_ids": [5000.0], "logits": [-2.501]}]) == []
    assert differences([row], [{"classes": [" <=50K"], "class_ids": [5001.0], "logits": [-2.5]}]) == [
        "predictions[0].classes[0]: expected '<=50K', received ' <=50K'",
        "predictions[0].class_ids[0]: expected 5000, received 5001.0",
    ]


def test_differences_in_number_say_so() -> None:
    assert differences([REQUEST], []) == ["predictions: expected 1, received 0"]
