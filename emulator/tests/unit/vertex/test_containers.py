import sys

import pytest

from emulator.vertex.containers import UnmappedImageError, find_module, module_argv, strip_tag

IMAGES = {"perennial/trainer": "trainer.task", "trainer": "other.task"}


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("us-docker.pkg.dev/p/r/trainer:0.1.0", "us-docker.pkg.dev/p/r/trainer"),
        ("localhost:5000/trainer", "localhost:5000/trainer"),
        ("localhost:5000/trainer:1@sha256:0a", "localhost:5000/trainer"),
        ("trainer", "trainer"),
    ],
)
def test_strip_tag_leaves_the_name(uri: str, expected: str) -> None:
    assert strip_tag(uri) == expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("us-docker.pkg.dev/p/perennial/trainer:1", "trainer.task"),
        ("x/trainer", "other.task"),
        ("trainer", "other.task"),
        ("x/notrainer:1", None),
    ],
)
def test_find_module_takes_the_longest_name_that_fits(uri: str, expected: str | None) -> None:
    assert find_module(IMAGES, uri) == expected


def test_module_argv_without_a_command_runs_the_module() -> None:
    argv = module_argv("trainer.task", command=[], args=["--a", "1"])
    assert argv == [sys.executable, "-m", "trainer.task", "--a", "1"]


def test_module_argv_with_a_command_replaces_the_entry_point() -> None:
    argv = module_argv("trainer.task", command=["python3", "-m", "mine"], args=["a"])
    assert argv == [sys.executable, "-m", "mine", "a"]


def test_unmapped_image_error_says_what_is_known_and_what_to_do() -> None:
    message = str(UnmappedImageError(IMAGES, "x/nobodys:1", instead="Pity."))
    assert "The image x/nobodys:1 can't be run here" in message
    assert "known names: perennial/trainer, trainer" in message
    assert "Pity." in message
    assert "the end of x/nobodys." in message
