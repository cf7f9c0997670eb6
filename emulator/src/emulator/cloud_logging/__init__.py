"""Cloud Logging, API v2.

Entries come from the output of custom jobs' replicas (`ml_job`) and of Dataflow's workers, and from the
messages of Dataflow's jobs (`dataflow_step`). Deviations:

- The query language has comparisons, `AND`, `OR`, `NOT`, parentheses, lists of values and `log_id()`; other
  functions are refused. Regular expressions are Python's, not RE2's.
- A line is an entry. A line that is a JSON object becomes the payload; others become `jsonPayload.message`.
  Severity is the level that a line names at its start, else INFO for standard output and ERROR for standard
  error.
- An entry can be read as soon as it was written, and as long as its job's folder is there.
- `resourceNames` takes projects only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.cloud_logging.service import LoggingService
    from emulator.config import Config
    from emulator.state import State

__all__ = ["create"]


def create(config: Config, state: State) -> LoggingService:
    """The service, not started."""
    # Here, since Vertex AI's lists read filters by this package, and this service finds jobs by that one.
    from emulator.cloud_logging.service import LoggingService

    return LoggingService(config, state)
