import pytest

from local.errors import StackError
from local.parameters import as_json, parse_settings


def test_parse_settings_splits_at_the_first_equals_sign() -> None:
    assert parse_settings(["train_steps=100", "points=a=b"]) == {"train_steps": "100", "points": "a=b"}


def test_as_json_takes_what_is_no_json_as_text() -> None:
    settings = {"steps": "100", "promote": "false", "units": "128 32 4"}
    assert as_json(settings) == {"steps": 100, "promote": False, "units": "128 32 4"}


@pytest.mark.parametrize("text", ["train_steps", "=100"])
def test_parse_settings_without_name_or_value_says_what_it_got(text: str) -> None:
    with pytest.raises(StackError, match=f"--set: expected NAME=VALUE, received '{text}'"):
        parse_settings([text])
