"""Archives from package registries, checked against the checksums that are pinned here."""

from samples.registry.archive import Archive
from samples.registry.npm import NpmPackage
from samples.registry.package import Package
from samples.registry.pypi import PyPiPackage

__all__ = ["Archive", "NpmPackage", "Package", "PyPiPackage"]
