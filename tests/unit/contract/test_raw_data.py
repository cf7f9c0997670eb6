"""Files that count as raw data."""

from __future__ import annotations

import pytest

from contract.raw_data import closes_loop, ignored_reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("daisy/1.jpg", None),
        ("license_plates.csv", None),
        ("readme_events.csv", None),
        ("a.b/c.d", None),
        (".DS_Store", "hidden"),
        ("daisy/.ipynb_checkpoints/1.jpg", "hidden"),
        (".git/config", "hidden"),
        ("daisy/@eaDir/1.jpg/thumb.jpg", "made by a system"),
        ("__MACOSX/daisy/1.jpg", "made by a system"),
        ("daisy/Thumbs.db", "made by a system"),
        ("Desktop.ini", "made by a system"),
        ("thumbs.db/1.jpg", None),
    ],
)
def test_ignored_reason_goes_by_the_whole_path(name: str, reason: str | None) -> None:
    assert ignored_reason(name) == reason


@pytest.mark.parametrize(
    ("target", "chain", "closes"),
    [
        ("/a", ("/a",), True),
        ("/a", ("/a/b/c",), True),
        ("/", ("/a",), True),
        ("/a/b", ("/a",), False),
        ("/a", ("/ab",), False),
        ("/a", (), False),
        ("/a", ("/x", "/a/y"), True),
    ],
)
def test_link_closes_a_loop_where_it_leads_to_a_folder_above(
    target: str, chain: tuple[str, ...], *, closes: bool
) -> None:
    assert closes_loop(target, chain) == closes
