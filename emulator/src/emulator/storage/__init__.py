"""Cloud Storage, JSON API v1."""

from __future__ import annotations

from emulator.storage.service import create

__all__ = ["create"]
