"""The instances that `python -m trainer.predict` reads, and what it says of those that it can't use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow as tf

from trainer.errors import InputError
from trainer.predict import main, read_instances


@pytest.fixture(scope="module")
def length_model(tmp_path_factory) -> Path:
    """A SavedModel that says how many bytes each text has."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(text):
        return {"length": tf.strings.length(text)}

    folder = tmp_path_factory.mktemp("length_model")
    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})
    return folder


@pytest.fixture
def predict(length_model, tmp_path, capsys):
    """Ask the model about the lines of a file; returns exit status, output and errors."""

    def ask(*lines: str) -> tuple[int, str, str]:
        (tmp_path / "file").write_text("\n".join(lines))
        status = main(["--model-dir", str(length_model), "--json-instances", str(tmp_path / "file")])
        return status, *capsys.readouterr()

    return ask


def test_main_answers_rows_requests_golden_lines_and_bytes(predict):
    status, out, _ = predict(
        '{"text": "four"}',
        "",
        '{"instances": [{"text": "a"}, {"text": "ab"}]}',
        '{"instance": {"text": {"b64": "aGVsbG8="}}, "prediction": 5}',
    )
    assert status == 0
    assert [json.loads(line) for line in out.splitlines()] == [4, 1, 2, 5]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("text", "line 1: expected JSON, received 'text'"),
        ("[1]", "line 1: expected a JSON object, received '[1]'"),
        ('{"instances": [1]}', "line 1: expected instances as JSON objects, received"),
        ('{"words": "a"}', "instances[0]: expected text, received ['words']"),
        ('{"text": {"b64": "no base64"}}', "instances[0].text: expected base64, received 'no base64'"),
        ('{"text": {"b64": 7}}', "instances[0].text: expected base64, received '7'"),
        ('{"text": 7}', "instances.text: expected string, received '[7]'"),
    ],
)
def test_main_of_a_line_that_it_cannot_use_says_which(predict, line, message):
    status, out, error = predict(line)
    assert (status, out) == (1, "")
    assert message in error


def test_read_instances_of_another_encoding_says_what_was_expected(tmp_path):
    (tmp_path / "file").write_bytes(b'{"text": "\xff"}')
    with pytest.raises(InputError, match=r"--json-instances: expected a text file, received .*utf-8"):
        list(read_instances(str(tmp_path / "file")))
