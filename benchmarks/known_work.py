"""Work that takes the same time wherever it runs."""

from __future__ import annotations

import hashlib


def do(iterations: int) -> None:
    """Keep one core busy for a time that rises evenly with the iterations."""
    hashlib.pbkdf2_hmac("sha256", b"known", b"work", iterations)
