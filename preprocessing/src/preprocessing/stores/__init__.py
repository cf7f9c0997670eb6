"""File stores by URI: a folder or a mounted bucket as files, any other bucket through the storage client."""

from __future__ import annotations

from contract.naming import SCHEME, has_mount
from preprocessing.stores.base import Entry, Store, UnreadableError
from preprocessing.stores.cloud import CloudStore
from preprocessing.stores.local import LocalStore

__all__ = ["CloudStore", "Entry", "LocalStore", "Store", "UnreadableError", "open_store"]


def open_store(uri: str) -> Store:
    """Return the store that reads and writes this URI on this machine."""
    return CloudStore() if uri.startswith(SCHEME) and not has_mount() else LocalStore()
