"""Health check of a container: `python healthy.py URL [COMPONENT]`.

A URL is healthy if its response is 200 and, with a COMPONENT, if its JSON reports this component as healthy:
Airflow's API server reports scheduler, triggerer and dag_processor. Standard library only: it runs every few
seconds.
"""

from __future__ import annotations

import json
import sys
import urllib.request

TIMEOUT_SECONDS = 5


def main(arguments: list[str]) -> int:
    """Return the exit status for the container engine: 0 if healthy, else 1, with the reason on stdout."""
    url, *components = arguments
    try:
        # A URL from the compose file, not from a user.
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            body = response.read()
    except OSError as error:
        print(f"{url}: {error}")
        return 1
    if not components:
        return 0
    states = json.loads(body)
    status = {component: (states.get(component) or {}).get("status") for component in components}
    print(status)
    return 0 if set(status.values()) == {"healthy"} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
