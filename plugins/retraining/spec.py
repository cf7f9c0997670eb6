"""Dataset specifications of DAG files, as JSON for programs outside Airflow.

python -m retraining.spec census --dags dags
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contract import DatasetSpec
from contract.naming import dag_id, dataset_of
from retraining.errors import ConfigurationError

DAGS = Path(__file__).parents[2] / "dags"


def read_spec(dataset: str, folder: Path) -> DatasetSpec:
    """Return the spec in a dataset's DAG file.

    Args:
        dataset: its name.
        folder: where the DAG files are.

    Raises:
        ConfigurationError: there is no such file, or no spec of this dataset in it.
    """
    file = folder / f"{dag_id(dataset)}.py"
    known = sorted(found for path in folder.glob("*.py") if (found := dataset_of(path.stem)) is not None)
    if dataset not in known:
        raise ConfigurationError(
            f"dataset: expected one of {', '.join(known) or 'none'} ({folder}), received {dataset!r}"
        )
    source = importlib.util.spec_from_file_location(file.stem, file)
    assert source is not None and source.loader is not None  # noqa: S101, PT018, a .py file has both
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    specs = [value for value in vars(module).values() if isinstance(value, DatasetSpec)]
    named = [spec for spec in specs if spec.name == dataset]
    if not named:
        raise ConfigurationError(
            f"{file}: expected a DatasetSpec named {dataset!r}, received {[spec.name for spec in specs]}"
        )
    return named[0]


def to_json(spec: DatasetSpec) -> dict[str, Any]:
    """Return the fields that converting the dataset and training on it take."""
    return {
        "name": spec.name,
        "source": spec.source,
        "contract": json.loads(spec.contract.to_features_json()),
        "module": spec.training.module,
        "arguments": dict(spec.training.arguments),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a dataset's spec; an unknown dataset exits with 2."""
    parser = argparse.ArgumentParser(prog="python -m retraining.spec", description=__doc__)
    parser.add_argument("dataset", metavar="DATASET")
    parser.add_argument("--dags", type=Path, default=DAGS, metavar="FOLDER", help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        spec = read_spec(options.dataset, options.dags)
    except ConfigurationError as error:
        parser.error(str(error))
    print(json.dumps(to_json(spec), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
