"""Predict with an exported model, without a server.

python -m trainer.predict --model-dir DIR --json-instances FILE
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from contract import ContractError
from contract.data_contract import IMAGE_INPUT
from contract.images import prepare_image
from contract.model_inputs import ModelInputs
from contract.naming import mounted_path
from contract.predictions import prediction_rows
from trainer.errors import InputError


def main(argv: Sequence[str] | None = None) -> int:
    """Print the prediction for each instance of a file, a JSON value a line.

    Returns:
        The exit status: 0, or 1 where the model or an instance can't be used.
    """
    parser = argparse.ArgumentParser(
        prog="python -m trainer.predict",
        description="Prints a model's prediction for each instance: a JSON value a line.",
        epilog='An instance is a JSON object with the inputs of the model; {"b64": "..."} stands for bytes.',
    )
    parser.add_argument(
        "--model-dir", required=True, metavar="DIR", help="a SavedModel; gs:// is read mounted"
    )
    parser.add_argument(
        "--json-instances", required=True, metavar="FILE", help="one a line; - for standard input"
    )
    flags = parser.parse_args(argv)
    try:
        for line in predict(flags.model_dir, list(read_instances(flags.json_instances))):
            print(line)
    except (InputError, ContractError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def read_instances(file: str) -> Iterator[dict[str, Any]]:
    """Yield the instances of a JSON Lines file, which may also hold whole requests and golden requests.

    Raises:
        InputError: the file can't be read, holds no instance, or a line is no JSON object.
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("--json-instances", expected="a text file", received=str(error)) from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise InputError("--json-instances", expected="at least one instance", received="none")
    for number, line in lines:
        try:
            value = json.loads(line)
        except ValueError as error:
            raise InputError(f"{file}, line {number}", expected="JSON", received=line[:80]) from error
        if not isinstance(value, dict):
            raise InputError(f"{file}, line {number}", expected="a JSON object", received=line[:80])
        found = _instances(value)
        if not all(isinstance(instance, dict) for instance in found):
            raise InputError(
                f"{file}, line {number}", expected="instances as JSON objects", received=line[:80]
            )
        yield from found


def _instances(value: dict[str, Any]) -> list[Any]:
    """Return the instances of a request, the instance of a golden request, or the object itself."""
    if isinstance(value.get("instances"), list):
        return list(value["instances"])
    return [value["instance"] if "prediction" in value and "instance" in value else value]


def predict(model_dir: str, instances: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the prediction for each instance, as the text of a JSON value.

    Raises:
        InputError: there is no such model, or an instance lacks an input or has a wrong value.
    """
    from trainer.examples import plain_columns
    from trainer.export import ExportedModel

    export = ExportedModel(mounted_path(model_dir), field="--model-dir")
    columns = (
        _table_columns(export.model_inputs, instances)
        if export.model_inputs
        else _columns(sorted(export.signature().inputs), instances)
    )
    yield from map(json.dumps, prediction_rows(plain_columns(export.predict(columns))))


def _table_columns(inputs: ModelInputs, instances: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    rows = [inputs.read(instance, f"instances[{index}]") for index, instance in enumerate(instances)]
    return {name: [row[item.tensor] for row in rows] for name, item in inputs.by_name.items()}


def _columns(names: Sequence[str], instances: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    for index, instance in enumerate(instances):
        if sorted(instance) != names:
            raise InputError(f"instances[{index}]", expected=", ".join(names), received=sorted(instance))
    columns = {
        name: [
            _plain(instance[name], f"instances[{index}].{name}") for index, instance in enumerate(instances)
        ]
        for name in names
    }
    if IMAGE_INPUT in columns:
        columns[IMAGE_INPUT] = [
            prepare_image(file, f"instances[{index}].{IMAGE_INPUT}") if isinstance(file, bytes) else file
            for index, file in enumerate(columns[IMAGE_INPUT])
        ]
    return columns


def _plain(value: Any, where: str) -> Any:
    if not (isinstance(value, dict) and value.keys() == {"b64"}):
        return value
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (TypeError, ValueError) as error:
        raise InputError(where, expected="base64", received=str(value["b64"])[:80]) from error


if __name__ == "__main__":
    sys.exit(main())
