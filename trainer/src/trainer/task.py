"""Trains, evaluates and exports a model.

python -m trainer.task --data-dir DIR --job-dir DIR --image-size 64 --train-steps 300
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from contract import ContractError
from trainer.errors import Interrupted, TrainingError
from trainer.flags import parse

EXIT_TERMINATED = 143
"""128 + SIGTERM: the job stopped because it was asked to."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job of a command line.

    Returns:
        The exit status: 0, 1 where the job can't go on, 143 where it was asked to stop.
    """
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s", force=True)
    try:
        config = parse(argv)
        logging.getLogger("trainer").setLevel(config.verbosity)
        from trainer.train import run

        run(config, environment=os.environ)
    except Interrupted as stop:
        logging.getLogger(__name__).warning("%s", stop)
        return EXIT_TERMINATED
    except (TrainingError, ContractError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
