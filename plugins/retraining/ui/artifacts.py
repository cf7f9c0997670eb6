"""What a run left in the bucket, as far as it has come."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from contract import FEATURES_FILENAME, DataContract, DatasetStatistics
from contract.artifacts import Evaluation, GateResult, GoldenRequest, RejectedRecord
from retraining.google.storage import Storage
from retraining.ui.curves import Curve, curves

LOGS = "logs/"
EVENTS = "events.out.tfevents"
EXAMPLES_PER_REASON = 3
_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """A record that was not used.

    Attributes:
        index: its place in the list of all of them.
        uri: where it is.
        reason: one word.
        detail: one phrase.
    """

    index: int
    uri: str
    reason: str
    detail: str

    @property
    def filename(self) -> str:
        """Its name without the folder."""
        return self.uri.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a conversion found.

    Attributes:
        statistics: the content of `statistics.json`.
        rejected: a few examples of each reason.
        pictures: whether a raw file of the dataset is a picture.
    """

    statistics: Mapping[str, Any]
    rejected: Sequence[Rejected]
    pictures: bool


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a training left; what has not been written yet is `None` or empty.

    Attributes:
        evaluation: the content of `evaluation.json`.
        gate: the content of `gate.json`.
        golden: requests and the answers to them.
        curves: the learning curves by the name of the figure.
    """

    evaluation: Mapping[str, Any] | None
    gate: Mapping[str, Any] | None
    golden: Sequence[Mapping[str, Any]]
    curves: Mapping[str, list[Curve]]


def read_conversion(storage: Storage, data_dir: str) -> Conversion | None:
    """What lies beside the records; `None` if they aren't there."""
    statistics, rejected, contract = _texts(
        storage,
        [
            data_dir + name
            for name in (DatasetStatistics.FILENAME, RejectedRecord.FILENAME, FEATURES_FILENAME)
        ],
    )
    if statistics is None:
        return None
    return Conversion(
        statistics=json.loads(statistics),
        rejected=_examples(_rejected(rejected or "")),
        pictures=contract is not None and DataContract.from_features_json(contract).record_format == "image",
    )


def read_rejected(storage: Storage, data_dir: str, index: int) -> Rejected:
    """One rejected record.

    Raises:
        FileNotFoundError: there is no list of them, or none of this index in it.
    """
    found = _rejected(storage.read_text(data_dir + RejectedRecord.FILENAME))
    if not 0 <= index < len(found):
        raise FileNotFoundError(f"index: expected one of {len(found)} rejected records, received {index}")
    return found[index]


def read_training(storage: Storage, job_dir: str) -> Training:
    """What a training has left so far."""
    names = {found.name for found in storage.list(job_dir)}
    wanted = (Evaluation.FILENAME, GateResult.FILENAME, GoldenRequest.FILENAME)
    evaluation, gate, golden = _texts(storage, [job_dir + name if name in names else None for name in wanted])
    events = sorted(name for name in names if name.startswith(LOGS) and EVENTS in name)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="report") as pool:
        files = list(pool.map(lambda name: storage.read_bytes(job_dir + name), events))
    return Training(
        evaluation=json.loads(evaluation) if evaluation else None,
        gate=json.loads(gate) if gate else None,
        golden=[json.loads(line) for line in (golden or "").splitlines()],
        curves=curves(files),
    )


def read_first_golden(storage: Storage, job_dir: str) -> Mapping[str, Any] | None:
    """The first golden request of a training, if it left any."""
    (text,) = _texts(storage, [job_dir + GoldenRequest.FILENAME])
    return next((json.loads(line) for line in (text or "").splitlines()), None)


def read_labels(storage: Storage, job_dir: str) -> Sequence[str]:
    """The classes that a model tells apart; none if it tells none apart."""
    (text,) = _texts(storage, [job_dir + Evaluation.FILENAME])
    labels: Sequence[str] = json.loads(text)["labels"] if text else ()
    return labels


def _texts(storage: Storage, uris: Sequence[str | None]) -> list[str | None]:
    """The texts of objects, read at once; `None` for one that isn't there."""

    def read(uri: str | None) -> str | None:
        if uri is None:
            return None
        try:
            return storage.read_text(uri)
        except FileNotFoundError:
            return None

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="report") as pool:
        return list(pool.map(read, uris))


def _rejected(text: str) -> list[Rejected]:
    lines = [json.loads(line) for line in text.splitlines()]
    return [
        Rejected(index=index, uri=line["uri"], reason=line["reason"], detail=line["detail"])
        for index, line in enumerate(lines)
    ]


def _examples(rejected: Sequence[Rejected]) -> list[Rejected]:
    shown: Counter[str] = Counter()
    examples = []
    for item in rejected:
        shown[item.reason] += 1
        if shown[item.reason] <= EXAMPLES_PER_REASON:
            examples.append(item)
    return examples
