"""Artifacts of a run in the bucket, as far as they are written."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from contract import DataContract, DatasetStatistics
from contract.artifacts import Evaluation, GateResult, GoldenRequest, RejectedRecord
from contract.data_contract import FEATURES_FILENAME
from retraining.google.storage import Storage

EVENTS_FOLDER = "logs/"
EVENTS_INFIX = "events.out.tfevents"
EXAMPLES_PER_REASON = 3
_THREADS = 8


@dataclass(frozen=True, kw_only=True)
class RejectedExample:
    """A rejected record and its position.

    Attributes:
        index: position in the list of all rejected records.
        record: the record.
    """

    index: int
    record: RejectedRecord

    @property
    def filename(self) -> str:
        """Name of the raw file without its folder."""
        return self.record.uri.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Artifacts of a conversion.

    Attributes:
        statistics: statistics of its records.
        rejected: a few rejected records of each reason.
        has_images: whether a raw file of the dataset is an image.
    """

    statistics: DatasetStatistics
    rejected: Sequence[RejectedExample]
    has_images: bool


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """A metric over the steps of a training.

    Attributes:
        split: the records that it was measured on, `train` for instance.
        steps: ascending.
        values: one for each step.
        times: when each was written, in seconds since the epoch.
    """

    split: str
    steps: tuple[int, ...]
    values: tuple[float, ...]
    times: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Training:
    """Artifacts of a training; those that are not written yet are `None` or empty.

    Attributes:
        evaluation: the evaluation of its model.
        gate: the gate's decision.
        golden: requests with the model's predictions.
        curves: learning curves by metric.
    """

    evaluation: Evaluation | None
    gate: GateResult | None
    golden: Sequence[GoldenRequest]
    curves: Mapping[str, Sequence[LearningCurve]]


def read_conversion(storage: Storage, data_dir: str) -> Conversion | None:
    """Read the artifacts of a conversion; `None` if they aren't there.

    Args:
        storage: client of the bucket.
        data_dir: URI of the folder of the records.
    """
    statistics, rejected, features = _read_texts(
        storage,
        [
            data_dir + name
            for name in (DatasetStatistics.FILENAME, RejectedRecord.FILENAME, FEATURES_FILENAME)
        ],
    )
    if statistics is None:
        return None
    return Conversion(
        statistics=DatasetStatistics.from_text(statistics),
        rejected=_examples(RejectedRecord.from_text(rejected or "")),
        has_images=features is not None
        and DataContract.from_features_json(features).record_format == "image",
    )


def read_rejected(storage: Storage, data_dir: str, index: int) -> RejectedRecord:
    """Read one rejected record.

    Raises:
        FileNotFoundError: there is no list of them, or none of this index in it.
    """
    records = RejectedRecord.from_text(storage.read_text(data_dir + RejectedRecord.FILENAME))
    if not 0 <= index < len(records):
        raise FileNotFoundError(f"index: expected one of {len(records)} rejected records, received {index}")
    return records[index]


def read_training(storage: Storage, job_dir: str, *, curves: bool = True) -> Training:
    """Read the artifacts of a training.

    Args:
        storage: client of the bucket.
        job_dir: URI of the training job's folder; empty before there is one.
        curves: read the learning curves, too.
    """
    names = {found.name for found in storage.list(job_dir)} if job_dir else set()
    files = (Evaluation.FILENAME, GateResult.FILENAME, GoldenRequest.FILENAME)
    evaluation, gate, golden = _read_texts(
        storage, [job_dir + name if name in names else None for name in files]
    )
    return Training(
        evaluation=Evaluation.from_text(evaluation) if evaluation else None,
        gate=GateResult.from_text(gate) if gate else None,
        golden=GoldenRequest.from_text(golden) if golden else (),
        curves=read_curves(storage, job_dir, names) if curves else {},
    )


def read_curves(
    storage: Storage, job_dir: str, names: Iterable[str]
) -> Mapping[str, Sequence[LearningCurve]]:
    """Read the learning curves of a training, by metric; none before there are any.

    Args:
        storage: client of the bucket.
        job_dir: URI of the training job's folder.
        names: of the objects in it.
    """
    events = sorted(name for name in names if name.startswith(EVENTS_FOLDER) and EVENTS_INFIX in name)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="curves") as pool:
        event_files = list(pool.map(lambda name: storage.read_bytes(job_dir + name), events))
    return learning_curves(event_files) if event_files else {}


def read_first_golden(storage: Storage, job_dir: str) -> GoldenRequest | None:
    """Read the first golden request of a training; `None` if there is none."""
    (text,) = _read_texts(storage, [job_dir + GoldenRequest.FILENAME])
    return GoldenRequest.from_text(text)[0] if text else None


def read_labels(storage: Storage, job_dir: str) -> Sequence[str]:
    """Read the names of a model's classes; empty if it has none."""
    (text,) = _read_texts(storage, [job_dir + Evaluation.FILENAME])
    return Evaluation.from_text(text).labels if text else ()


def learning_curves(event_files: Iterable[bytes]) -> Mapping[str, Sequence[LearningCurve]]:
    """Return the learning curves of a training, by metric.

    A resumed training repeats steps: the later value counts.

    Args:
        event_files: contents of TensorBoard's event files, oldest first; the last record may be incomplete.
    """
    # Without this, TensorBoard imports TensorFlow where it is installed: seconds, and 700 MB.
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
    from tensorboard.plugins.scalar.metadata import PLUGIN_NAME
    from tensorboard.util.tensor_util import make_ndarray

    logging.getLogger("tensorboard").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="events-") as folder:
        for number, content in enumerate(event_files):
            Path(folder, f"{number:06}.tfevents").write_bytes(content)
        accumulator = EventAccumulator(folder, size_guidance={TENSORS: 0}).Reload()
    try:
        scalars = accumulator.PluginTagToContent(PLUGIN_NAME)
    except KeyError:
        return {}
    curves: dict[str, list[LearningCurve]] = {}
    for tag in scalars:
        split, _, metric = tag.rpartition("/")
        events = {event.step: event for event in accumulator.Tensors(tag)}
        steps = tuple(sorted(events))
        curve = LearningCurve(
            split=split,
            steps=steps,
            values=tuple(float(make_ndarray(events[step].tensor_proto)) for step in steps),
            times=tuple(events[step].wall_time for step in steps),
        )
        curves.setdefault(metric, []).append(curve)
    return curves


def _read_texts(storage: Storage, uris: Sequence[str | None]) -> list[str | None]:
    """Read several objects at once; `None` for one that isn't there."""

    def read(uri: str | None) -> str | None:
        if uri is None:
            return None
        try:
            return storage.read_text(uri)
        except FileNotFoundError:
            return None

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="report") as pool:
        return list(pool.map(read, uris))


def _examples(records: Sequence[RejectedRecord]) -> list[RejectedExample]:
    counts: Counter[str] = Counter()
    examples = []
    for index, record in enumerate(records):
        counts[record.reason] += 1
        if counts[record.reason] <= EXAMPLES_PER_REASON:
            examples.append(RejectedExample(index=index, record=record))
    return examples
