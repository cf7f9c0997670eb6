import pytest

from emulator.errors import InvalidArgument
from emulator.vertex.gapic import types
from emulator.vertex.registry import check_aliases, merge_aliases, split_version


def versions():
    return [
        types.Model(version_id="1", version_aliases=["default", "old"]),
        types.Model(version_id="2", version_aliases=["candidate"]),
    ]


def test_split_version_of_a_plain_name_has_none() -> None:
    assert split_version("models/1") == ("models/1", "")
    assert split_version("models/1@2") == ("models/1", "2")


def test_merge_aliases_moves_adds_and_removes() -> None:
    first, second = both = versions()
    merge_aliases(both, second, ["default", "best", "-candidate"])
    assert list(first.version_aliases) == ["old"]
    assert list(second.version_aliases) == ["default", "best"]


def test_merge_aliases_keeps_what_is_there_already() -> None:
    first, _ = both = versions()
    merge_aliases(both, first, ["old"])
    assert list(first.version_aliases) == ["default", "old"]


def test_merge_aliases_without_the_default_is_refused() -> None:
    both = versions()
    with pytest.raises(InvalidArgument, match="default"):
        merge_aliases(both, both[0], ["-default"])


@pytest.mark.parametrize("alias", ["", "a", "1a", "A1", "a_b", "a" * 129])
def test_check_aliases_of_another_form_is_refused(alias: str) -> None:
    with pytest.raises(InvalidArgument, match="version_aliases"):
        check_aliases([alias], "version_aliases")
