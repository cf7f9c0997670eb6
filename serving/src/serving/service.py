"""Prediction service: a model that loads in the background, behind batches and a thread pool."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from serving.batching import Batcher, BatchLimits, Outputs, Rows
from serving.errors import ExhaustedError, InstanceError, LoadingError
from serving.metrics import Metrics
from serving.requests import PredictRequest, parse
from serving.responses import response
from serving.settings import Settings

_log = logging.getLogger(__name__)

_SMALL = 16 * 1024
"""Bodies up to this size are read in the event loop: handing them to a thread would take longer."""


class Predictor(Protocol):
    """Interface of a model."""

    @property
    def batched(self) -> Mapping[str, bool]:
        """Signatures by name: whether a batch may have rows of several requests."""

    def prepare(self, request: PredictRequest) -> Rows:
        """Return a request's rows as the model takes them."""

    def run(self, batch: Sequence[Rows]) -> Sequence[Outputs | Exception]:
        """Return the outputs, or the error, of each request of a batch with one signature."""


class PredictionService:
    """Model that loads in a thread while the server listens, then predicts with limited concurrency."""

    def __init__(
        self,
        load: Callable[[], Predictor],
        *,
        settings: Settings,
        metrics: Metrics | None = None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """Create a service; `start` begins to load.

        Args:
            load: loads the model and warms it up; called once, in a thread.
            settings: bounds of batches, queues and requests.
            metrics: of the server.
            on_failure: called if the model can't be loaded.
        """
        self._load = load
        self._settings = settings
        self.metrics = metrics or Metrics()
        self._on_failure = on_failure
        self._model: Predictor | None = None
        self._batchers: dict[str, Batcher] = {}
        self._bytes = 0
        self._pool = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="graph")
        self._readers = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="reader")
        # A daemon thread: TensorFlow can't be interrupted while it loads, and SIGTERM must not wait for it.
        self._loader = threading.Thread(target=self._run_load, name="loader", daemon=True)
        self.metrics.watch_queue(lambda: sum(map(len, self._batchers.values())))

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
        for pool in (self._readers, self._pool):
            pool.shutdown(wait=True, cancel_futures=True)

    async def predict(self, body: bytes) -> bytes:
        """Return the response to a request, as JSON.

        Raises:
            LoadingError: the model is not loaded yet.
            ExhaustedError: the queue is full.
            InstanceError: the request doesn't match the model's signature.
            ModelError: the outputs have another number of rows.
            NotFiniteError: no row has a finite prediction.
        """
        model = self._model
        if model is None:
            raise LoadingError("model", expected="a loaded model", received="one that is loading; try again")
        limit = self._settings.max_enqueued_bytes
        if self._bytes and self._bytes + len(body) > limit:
            raise ExhaustedError(
                "queue", expected=f"at most {limit} bytes under way", received=f"{self._bytes} of others"
            )
        self._bytes += len(body)
        try:
            return await self._answer(model, body)
        finally:
            self._bytes -= len(body)

    async def _answer(self, model: Predictor, body: bytes) -> bytes:
        if len(body) <= _SMALL:
            request, rows = self._read(model, body)
        else:
            loop = asyncio.get_running_loop()
            request, rows = await loop.run_in_executor(self._readers, self._read, model, body)
        try:
            outputs: Outputs = await self._batchers[rows.signature].submit(rows)
        except InstanceError as error:
            raise request.own_terms(error) from error
        content, failed = response(outputs, count=rows.count, columnar=request.columnar)
        self.metrics.row_errors(failed)
        return content

    def _read(self, model: Predictor, body: bytes) -> tuple[PredictRequest, Rows]:
        request = parse(body, max_nesting=self._settings.max_nesting)
        try:
            return request, model.prepare(request)
        except InstanceError as error:
            raise request.own_terms(error) from error

    def _run_load(self) -> None:
        try:
            model = self._load()
        except Exception:
            _log.exception("the model can't be loaded")
            self._on_failure()
            return
        for name, batched in model.batched.items():
            self._batchers[name] = Batcher(
                model.run,
                pool=self._pool,
                threads=self._settings.concurrency,
                limits=BatchLimits(
                    max_batch_size=self._settings.max_batch_size if batched else 1,
                    batch_timeout_micros=self._settings.batch_timeout_micros,
                    max_enqueued_batches=self._settings.max_enqueued_batches,
                ),
                observe=self.metrics.batch,
            )
        self._model = model
