"""Google's Vertex AI clients, pointed at the emulator."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vertex_client import Vertex

_projects = itertools.count(1)


@pytest.fixture(scope="session")
def vertex_of() -> Callable[[Any, str], Vertex]:
    """Makes the clients of an emulator for a project."""
    return Vertex


@pytest.fixture(scope="module")
def own_vertex(emulator_factory: Callable[..., Any]) -> Iterator[Vertex]:
    """An emulator of its own, for tests that stop it."""
    emulator = emulator_factory()
    yield Vertex(emulator, "project-own")
    emulator.stop()


@pytest.fixture
def vertex(emulator: Any) -> Vertex:
    """A project of its own in the session's emulator."""
    return Vertex(emulator, f"project-{next(_projects)}")
