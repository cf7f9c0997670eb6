import pytest

from emulator.errors import InvalidArgument, Unimplemented
from emulator.storage.metadata import ObjectMetadata


def test_patched_changes_removes_and_keeps():
    old = ObjectMetadata.from_json(
        {"contentType": "a/b", "cacheControl": "x", "metadata": {"k": "1", "l": "2"}}
    )
    new = old.patched({"cacheControl": None, "metadata": {"k": None, "m": "3"}, "size": "output only"})
    assert new.to_json() == {"contentType": "a/b", "metadata": {"l": "2", "m": "3"}}
    assert new.patched({"metadata": None}).to_json() == {"contentType": "a/b"}


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"contentType": 3}, "contentType: expected text, received 3"),
        ({"metadata": {"k": 1}}, "metadata.k: expected text, received 1"),
        ({"metadata": "x"}, "metadata: expected an object, received 'x'"),
    ],
)
def test_from_json_names_what_is_wrong(resource, message):
    with pytest.raises(InvalidArgument, match=message):
        ObjectMetadata.from_json(resource)


def test_from_json_with_a_hold_is_refused():
    with pytest.raises(Unimplemented, match="temporaryHold"):
        ObjectMetadata.from_json({"temporaryHold": True})
