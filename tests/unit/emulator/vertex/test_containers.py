import sys

import pytest
from emulator.vertex.containers import UnmappedImageError, container_argv, strip_tag

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


def test_container_argv_runs_the_module_of_the_longest_name() -> None:
    argv = container_argv(IMAGES, "us-docker.pkg.dev/p/perennial/trainer:1", command=[], args=["--a", "1"])
    assert argv == [sys.executable, "-m", "trainer.task", "--a", "1"]


def test_container_argv_with_a_command_replaces_the_entry_point() -> None:
    argv = container_argv(IMAGES, "x/trainer", command=["python3", "-m", "mine"], args=["a"])
    assert argv == [sys.executable, "-m", "mine", "a"]


def test_container_argv_of_part_of_a_name_is_unmapped() -> None:
    with pytest.raises(UnmappedImageError, match="x/notrainer:1 is not emulated"):
        container_argv(IMAGES, "x/notrainer:1", command=[], args=[])
