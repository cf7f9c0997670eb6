"""JSON schema of the training flags, for programs that can't import the trainer: Airflow's trigger form.

python -m trainer.schema
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contract.dataset import TRAINING_FLAGS_FILE
from trainer.config import MODEL_DEFAULTS, MODEL_OPTIONS, TrainConfig


def training_flags() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the JSON schema of each flag, by model and by name; an alias of a flag has an entry of its own.

    A schema has `type`, `title` and `description`, `default` unless the flag is required or optional, and the
    bounds: `minimum`, `exclusiveMinimum`, `maximum`, `exclusiveMaximum`, `multipleOf`, `minLength`, `pattern`
    or `enum`.
    """
    return {
        model: {
            name: schema
            for config, defaults in ((TrainConfig, {**MODEL_DEFAULTS[model], "model": model}), (options, {}))
            for field, found in config.schemas().items()
            for schema in [{**found, **({"default": defaults[field]} if field in defaults else {})}]
            for name in (field, *config.flag(field).aliases)
        }
        for model, options in MODEL_OPTIONS.items()
    }


def schema_text() -> str:
    """Return the schema file's text: JSON with a line for each flag."""
    models = []
    for model, flags in training_flags().items():
        lines = [
            f"    {json.dumps(name)}: {json.dumps(schema, sort_keys=True)}" for name, schema in flags.items()
        ]
        models.append(f"  {json.dumps(model)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(models) + "\n}\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the schema file, by default the one of the contract package.

    Returns:
        The exit status 0.
    """
    parser = argparse.ArgumentParser(
        prog="python -m trainer.schema", description="Writes the JSON schema of the training flags."
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        default=TRAINING_FLAGS_FILE,
        help="(default: %(default)s)",
    )
    parser.parse_args(argv).output.write_text(schema_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
