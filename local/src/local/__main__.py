"""The emulator and Airflow on one machine.

python -m local up
"""

from __future__ import annotations

import signal
import sys

from local.arguments import parse
from local.console import console
from local.errors import StackError
from local.home import Home


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; returns the exit status."""
    options = parse(arguments)
    # kill(1) and a closed terminal end a command as Ctrl-C does: what it started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored below nohup
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        return int(options.run(Home.at(options.home), options))
    except StackError as error:
        console.print(f"failed: {error}", markup=False, soft_wrap=True, style="red")
        return 1
    except KeyboardInterrupt:
        console.print("interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
