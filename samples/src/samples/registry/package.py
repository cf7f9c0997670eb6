"""A package of a registry, whichever registry it is."""

from __future__ import annotations

from typing import Protocol


class Package(Protocol):
    """One archive of one version of a package."""

    @property
    def filename(self) -> str:
        """The archive's name in the registry."""
        ...

    @property
    def sha256(self) -> str:
        """The archive's checksum, in hexadecimal digits."""
        ...

    def url(self) -> str:
        """Where the archive is, in the registry that this machine is configured to use.

        Raises:
            SampleError: the registry has no such archive, or does not answer.
        """
        ...

    def __str__(self) -> str:
        """The package and its version, for people."""
        ...
