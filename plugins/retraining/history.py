"""History of a dataset's releases in the bucket: each event is an object of its own, numbered in order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from contract.history import HistoryEvent
from contract.naming import DatasetNames
from retraining.google.storage import Storage

_THREADS = 8


class History:
    """Events of one dataset, oldest first.

    An object's name is its number. It is written only where no object of this name is, so two writers never
    take the same number, and no event is ever replaced.
    """

    def __init__(self, storage: Storage, names: DatasetNames) -> None:
        self._storage = storage
        self._folder = names.history_folder

    def events(self) -> list[HistoryEvent]:
        """Return all events."""
        names = sorted(item.name for item in self._storage.list(self._folder) if item.name[:6].isdigit())
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="history") as pool:
            texts = list(pool.map(lambda name: self._storage.read_text(self._folder + name), names))
        return [HistoryEvent.from_text(text) for text in texts]

    def record(self, event: HistoryEvent) -> None:
        """Write an event, unless one of its key is there: a retry records nothing twice."""
        while True:
            events = self.events()
            if find_event(events, event.key) is not None:
                return
            name = f"{self._folder}{len(events) + 1:06}.json"
            if self._storage.create_text(name, event.to_text()):
                return


def find_event(events: Sequence[HistoryEvent], key: str) -> HistoryEvent | None:
    """Return the event of a key; None if there is none."""
    return next((event for event in events if event.key == key), None)
