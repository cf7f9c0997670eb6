"""Processor seconds that Airflow needs to parse a hundred dataset files, against one.

python benchmarks/dag_files.py
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from contract.naming import dag_id

CHECKOUT = Path(__file__).resolve().parents[1]
NAME = "yellow_taxi"
TEMPLATE = CHECKOUT / "dags" / f"{dag_id(NAME)}.py"


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return 0 if a file among many costs no more than the limit of one alone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=100, help="dataset files (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="processes that parse them (%(default)s)")
    parser.add_argument(
        "--limit", type=float, default=1.5,
        help="how much more a file among many may cost than one alone (%(default)s)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    imports, alones, alls, mosts = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="perennial-benchmark-") as folder:
        dags = Path(folder, "dags")
        dags.mkdir()
        for number in range(options.files):
            name = f"{NAME}_{number}"
            (dags / f"{dag_id(name)}.py").write_text(TEMPLATE.read_text().replace(NAME, name))
        for number in range(1, options.rounds + 1):
            found = _measure(dags, Path(folder, f"home-{number}"))
            imports.append(found["import_seconds"])
            alones.append(statistics.median(found["alone"]))
            alls.append(sum(found["files"]))
            mosts.append(max(found["files"]))
            print(
                f"round {number}: first file with imports {imports[-1]:.2f} s, one file again "
                f"{alones[-1] * 1000:.1f} ms, {options.files} files {alls[-1]:.2f} s",
                flush=True,
            )
    alone, every = statistics.median(alones), statistics.median(alls)
    each = every / options.files
    print(f"one file: {statistics.median(imports):.2f} s with its imports, {alone * 1000:.1f} ms after them")
    print(
        f"{options.files} files in one process: {every:.2f} s, {each * 1000:.1f} ms each, "
        f"the slowest {statistics.median(mosts) * 1000:.1f} ms (medians)"
    )
    print(f"ratio of a file among {options.files} to one alone: {each / alone:.2f}")
    return 0 if each <= options.limit * alone else 1


def _measure(dags: Path, home: Path) -> dict[str, float | list[float]]:
    """Return the figures of a fresh process: imports are paid once in each."""
    variables = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
    }
    command = [sys.executable, __file__, "--of-process", str(dags)]
    done = subprocess.run(
        command, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, float | list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _parse(dags: Path) -> dict[str, float | list[float]]:
    """Parse every file as the DAG processor does, each with a DagBag of its own."""
    from airflow.dag_processing.dagbag import DagBag

    def seconds(file: Path) -> float:
        start = time.process_time()
        bag = DagBag(str(file))
        spent = time.process_time() - start
        if list(bag.dags) != [file.stem] or bag.import_errors:
            raise RuntimeError(f"{file}: expected one DAG, received {bag.dags} {bag.import_errors}")
        return spent

    files = sorted(dags.glob("*.py"))
    first = seconds(files[0])
    return {
        "import_seconds": first,
        "alone": [seconds(files[0]) for _ in range(10)],
        "files": [seconds(file) for file in files],
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--of-process"]:
        print(json.dumps(_parse(Path(sys.argv[2]))))
        sys.exit(0)
    sys.exit(main())
