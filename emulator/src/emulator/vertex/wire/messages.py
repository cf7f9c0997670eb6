"""Vertex AI's message types, without the clients that come with them.

Importing `google.cloud.aiplatform_v1` takes ten times as long as importing its types alone, since it imports
every client of every service; an emulator that is started again after a kill shall not wait for them.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

_PACKAGE = "google.cloud.aiplatform_v1"


def _import_types() -> ModuleType:
    if _PACKAGE in sys.modules:
        return importlib.import_module(f"{_PACKAGE}.types")
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {_PACKAGE!r}", name=_PACKAGE)
    # Stands for the package while its types are imported; a later import of the package itself finds them.
    sys.modules[_PACKAGE] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module(f"{_PACKAGE}.types")
    finally:
        del sys.modules[_PACKAGE]


types = _import_types()
