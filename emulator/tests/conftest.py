"""The emulator's own fixtures come from its pytest plugin; here are the images that its tests run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure.
settings.register_profile("emulator", deadline=None)
settings.load_profile("emulator")

IMAGES = Path(__file__).parent / "images"


@pytest.fixture(scope="session")
def emulator_images() -> dict[str, Path]:
    """Every module in the folder `images` is the container image `perennial-tests/<module>`."""
    return {f"perennial-tests/{module.stem}": module for module in sorted(IMAGES.glob("*.py"))}
