"""Prediction service: a model that loads in the background, behind a thread pool."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from serving.errors import LoadingError
from serving.instances import parse

_log = logging.getLogger(__name__)


class Predictor(Protocol):
    """Interface of a model."""

    def predict(self, instances: Sequence[Any]) -> list[Any]:
        """Return one prediction per instance."""


class PredictionService:
    """Model that loads in a thread while the server listens, then predicts with limited concurrency."""

    def __init__(
        self,
        load: Callable[[], Predictor],
        *,
        concurrency: int,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """Create a service; `start` begins to load.

        Args:
            load: loads the model; called once, in a thread.
            concurrency: number of requests that run at the same time; further ones wait in a queue.
            on_failure: called if the model can't be loaded.
        """
        self._load = load
        self._on_failure = on_failure
        self._model: Predictor | None = None
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="graph")
        # A daemon thread: TensorFlow can't be interrupted while it loads, and SIGTERM must not wait for it.
        self._loader = threading.Thread(target=self._run_load, name="loader", daemon=True)

    @property
    def ready(self) -> bool:
        """True if the model can predict."""
        return self._model is not None

    @property
    def loading(self) -> bool:
        """True while the model is loading."""
        return self._loader.is_alive()

    def start(self) -> None:
        """Start to load the model."""
        self._loader.start()

    def stop(self) -> None:
        """Wait for the running requests."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def predict(self, body: bytes) -> bytes:
        """Return the response to a request, as JSON.

        Raises:
            LoadingError: the model is not loaded yet.
            InstanceError: the request doesn't match the model's signature.
            ModelError: the outputs can't be represented in JSON.
        """
        model = self._model
        if model is None:
            raise LoadingError("model", expected="a loaded model", received="one that is loading; try again")
        return await asyncio.get_running_loop().run_in_executor(self._pool, _predict, model, body)

    def _run_load(self) -> None:
        try:
            self._model = self._load()
        except Exception:
            _log.exception("the model can't be loaded")
            self._on_failure()


def _predict(model: Predictor, body: bytes) -> bytes:
    return json.dumps({"predictions": model.predict(parse(body))}).encode()
