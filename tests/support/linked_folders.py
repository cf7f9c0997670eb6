"""A folder with links of every kind, for whoever walks it."""

from __future__ import annotations

from pathlib import Path

FILES = ["daisy/1.jpg", "daisy/there/1.jpg", "roses/1.jpg", "roses/back/1.jpg"]
"""Paths of its files, each link followed that leads to no folder that is being walked."""


def linked_folder(root: Path) -> Path:
    """Make the folder below another one: links to its parent, to itself, and out of it and back."""
    source, other = root / "source", root / "other"
    for folder in (source / "daisy", other):
        folder.mkdir(parents=True)
        (folder / "1.jpg").write_text("x")
    for link, target in (
        (source / "daisy/parent", source),
        (source / "itself", source),
        (source / "roses", other),
        (other / "back", source / "daisy"),
        (source / "daisy/there", other),
    ):
        link.symlink_to(target, target_is_directory=True)
    return source
