"""Cloud Logging, API v2.

Entries come from the output of the replicas of custom jobs and of tuning jobs' trials (`ml_job`) and of
Dataflow's workers, and from the messages of Dataflow's jobs (`dataflow_step`). Deviations:

- The query language has comparisons, `AND`, `OR`, `NOT`, parentheses, lists of values and `log_id()`; other
  functions are refused. Regular expressions are Python's, not RE2's.
- A line is an entry. A line that is a JSON object becomes the payload; others become `jsonPayload.message`.
  Severity is the level that a line names at its start, else INFO for standard output and ERROR for standard
  error.
- An entry can be read as soon as it was written, and as long as its job's folder is there.
- `resourceNames` takes projects only.
"""

from emulator.config import Config
from emulator.service import Service
from emulator.state import State

__all__ = ["create"]


def create(config: Config, state: State) -> Service:
    """The service, not started."""
    # Here, since it finds Vertex AI's jobs with the client library, which takes seconds to import.
    from emulator.cloud_logging.service import LoggingService

    return LoggingService(config, state)
