"""A container's health check: `python healthy.py URL [PART]`.

Healthy is a URL that answers 200 and, with a PART, whose JSON says that this part is healthy: Airflow's API
server tells so of scheduler, triggerer and dag_processor. Standard library only: it runs every few seconds.
"""

from __future__ import annotations

import json
import sys
import urllib.request

TIMEOUT_SECONDS = 5


def main(arguments: list[str]) -> int:
    """The exit status for the container engine: 0 for healthy, else 1, with the reason on stdout."""
    url, *parts = arguments
    try:
        # An URL of the compose file, not of a user.
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            body = response.read()
    except OSError as error:
        print(f"{url}: {error}")
        return 1
    if not parts:
        return 0
    states = json.loads(body)
    status = {part: (states.get(part) or {}).get("status") for part in parts}
    print(status)
    return 0 if set(status.values()) == {"healthy"} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
