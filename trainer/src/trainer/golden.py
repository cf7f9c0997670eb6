"""Requests to an export with the answers that it gave: `golden.jsonl`."""

from __future__ import annotations

import base64
import itertools
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from trainer.evaluate import Examples, examples, joined
from trainer.predictions import json_value, predictions
from trainer.records import IMAGE_INPUT, Records, Split

GOLDEN_LINES = 8

_AMONG = 4096
_BATCH = 32


def choose_golden(records: Records, split: Split) -> Examples:
    """A few records; of every class in turn, where there are classes.

    Reads until each class has had its turns, at most the first 4096 records: a class that is not among them
    is passed over. Only what may be chosen stays in memory.
    """
    classes = len(records.labels) or 1
    wanted = [divmod(line, classes) for line in range(GOLDEN_LINES)]
    turns: Counter[int] = Counter()
    chosen: list[tuple[tuple[int, int], Examples]] = []
    for batch in itertools.islice(examples(records, split, batch_size=_BATCH), _AMONG // _BATCH):
        for index, target in enumerate(batch.targets):
            label = int(target) if records.labels else 0
            chosen.append(((turns[label], label), batch.take([index])))
            turns[label] += 1
        chosen = sorted(chosen, key=lambda item: item[0])[:GOLDEN_LINES]
        if [place for place, _ in chosen] == wanted:
            break
    return joined([example for _, example in chosen])


def golden_lines(some: Examples, outputs: Mapping[str, NDArray[Any]]) -> str:
    """Requests and the answers that the export gave, one JSON object a line, as a server of it answers."""
    lines = []
    for index, prediction in enumerate(predictions(outputs)):
        instance = {
            name: _json_input(values[index], binary=name == IMAGE_INPUT)
            for name, values in some.inputs.items()
        }
        line = {"instance": instance, "prediction": prediction, "label": json_value(some.targets[index])}
        if some.names:
            line["filename"] = some.names[index]
        lines.append(json.dumps(line))
    return "\n".join(lines) + "\n"


def _json_input(value: Any, *, binary: bool) -> Any:
    return {"b64": base64.b64encode(value).decode()} if binary else json_value(value)
