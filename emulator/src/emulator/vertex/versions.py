"""The versions of a model and their aliases.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.models#Model
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from emulator.errors import InvalidArgument

DEFAULT_ALIAS = "default"

_ALIAS = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")


def split_version(name: str) -> tuple[str, str]:
    """`MODEL@VERSION` as the model's name and its id or alias, empty where none is given."""
    model, _, version = name.partition("@")
    return model, version


def check_aliases(aliases: Sequence[str], field: str) -> None:
    """Refuse what can't be an alias.

    Raises:
        InvalidArgument: one of them can't.
    """
    for alias in aliases:
        if not _ALIAS.fullmatch(alias):
            raise InvalidArgument(f"{field}: expected {_ALIAS.pattern}, received {alias!r}")


def merge_aliases(versions: Sequence[Any], version: Any, changes: Sequence[str]) -> None:
    """Give aliases to a version and take others from it; an alias belongs to one version at most.

    Args:
        versions: all versions of the model, changed in place.
        version: one of them.
        changes: `alias` to give, `-alias` to take.

    Raises:
        InvalidArgument: an alias has a wrong form, or the default would be nowhere.
    """
    removed = [change[1:] for change in changes if change.startswith("-")]
    added = [change for change in changes if not change.startswith("-")]
    check_aliases([*removed, *added], "version_aliases")
    if DEFAULT_ALIAS in removed:
        raise InvalidArgument(
            f"version_aliases: the alias {DEFAULT_ALIAS!r} can't be removed, only given to another version"
        )
    for other in versions:
        if other is not version:
            other.version_aliases = [alias for alias in other.version_aliases if alias not in added]
    kept = [alias for alias in version.version_aliases if alias not in removed]
    version.version_aliases = kept + [alias for alias in added if alias not in kept]
