"""One model behind a pool of threads: loading, ready, or failed."""

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
    """What the service needs of a model."""

    def predict(self, instances: Sequence[Any]) -> list[Any]:
        """One prediction per instance."""


class PredictionService:
    """Loads a model in a thread while the server listens, then answers `concurrency` requests at a time."""

    def __init__(
        self,
        load: Callable[[], Predictor],
        *,
        concurrency: int,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare a service; `start` begins to load.

        Args:
            load: makes the model; called once, in a thread.
            concurrency: how many requests run at the same time. Others wait for their turn.
            on_failure: called when the model can't be loaded: without it, the server is of no use.
        """
        self._load = load
        self._on_failure = on_failure
        self._model: Predictor | None = None
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="graph")
        # A daemon: TensorFlow can't be interrupted while it loads, and an early SIGTERM must not wait for it.
        self._loader = threading.Thread(target=self._run_load, name="loader", daemon=True)

    @property
    def ready(self) -> bool:
        """Whether the model can predict."""
        return self._model is not None

    @property
    def loading(self) -> bool:
        """Whether the model is being loaded."""
        return self._loader.is_alive()

    def start(self) -> None:
        """Begin to load the model."""
        self._loader.start()

    def stop(self) -> None:
        """Wait for the requests that are running."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def predict(self, body: bytes) -> bytes:
        """The answer to a request, as JSON.

        Raises:
            LoadingError: the model is not loaded yet.
            InstanceError: the request is not one that this model can answer.
            ModelError: the model answered with something that JSON can't hold.
        """
        model = self._model
        if model is None:
            raise LoadingError("model", expected="a loaded model", received="one that is loading; try again")
        return await asyncio.get_running_loop().run_in_executor(self._pool, _answer, model, body)

    def _run_load(self) -> None:
        try:
            self._model = self._load()
        except Exception:
            _log.exception("the model can't be loaded")
            self._on_failure()


def _answer(model: Predictor, body: bytes) -> bytes:
    return json.dumps({"predictions": model.predict(parse(body))}).encode()
