"""The id of a folder's content."""

from __future__ import annotations

import pytest

from retraining.snapshot import RawObject, snapshot_id

OBJECTS = [
    RawObject(name="daisy/1.jpg", size=3, crc32c="AAAAAA=="),
    RawObject(name="roses/2.jpg", size=5, crc32c="BBBBBB=="),
]


def test_snapshot_id_does_not_depend_on_the_order() -> None:
    assert snapshot_id(OBJECTS) == snapshot_id(reversed(OBJECTS))
    assert len(snapshot_id(OBJECTS)) == 16


@pytest.mark.parametrize(
    "changed",
    [
        RawObject(name="daisy/2.jpg", size=3, crc32c="AAAAAA=="),
        RawObject(name="daisy/1.jpg", size=4, crc32c="AAAAAA=="),
        RawObject(name="daisy/1.jpg", size=3, crc32c="AAAAAQ=="),
    ],
)
def test_snapshot_id_changes_with_name_size_and_checksum(changed: RawObject) -> None:
    assert snapshot_id([changed, OBJECTS[1]]) != snapshot_id(OBJECTS)


def test_snapshot_id_of_fewer_objects_is_another() -> None:
    assert snapshot_id(OBJECTS[:1]) != snapshot_id(OBJECTS)
