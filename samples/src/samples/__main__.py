"""Makes or fetches the sample data of a dataset: `python -m samples census --output-dir DIR`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from samples.arguments import parse
from samples.errors import SampleError


def main(argv: Sequence[str] | None = None) -> int:
    """Fill the folder that the command line names.

    Returns:
        The exit status: 0, or 1 where a flag can't be used or a package can't be had.
    """
    options = parse(argv)
    try:
        sample = options.sample(options)
        written = sample.write(
            options.output_dir, progress=lambda line: print(line, file=sys.stderr, flush=True)
        )
    except SampleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        facts = {"folder": str(options.output_dir), "written": written}
        print(json.dumps({**facts, "made": sample.made, "description": sample.description}))
    elif written:
        print(f"{options.output_dir}: {written} files written, {sample.description}")
    else:
        print(f"{options.output_dir}: nothing to do, it already holds {sample.description}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
