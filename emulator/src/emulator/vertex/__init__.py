"""Vertex AI, v1: custom jobs, the model registry, endpoints, predictions and operations.

Jobs and servers are processes of this machine, under the Python module that `--image` names for their image.
Deviations:

- Names keep the project as the request wrote it, id or number; the service always answers with the number.
- A job's machines, accelerators, network and service account are taken and not used.
- `restart_job_on_worker_restart` is not followed: a job whose replica fails or is preempted is FAILED.
- `CLUSTER_SPEC` is set for all jobs, `TF_CONFIG` for those of several replicas; addresses are local ports.
- When the emulator is stopped, running jobs end as FAILED and say so. When it is killed they go on, and the
  next start finds them; one whose process is gone too is FAILED and says that it is lost.
- A deployed model has one server whatever `min_replica_count` says, and reads `artifact_uri` itself; the
  service copies the artifacts when the model is uploaded.
- Filters compare text without regard to case.
- An operation that was not done when the emulator ended fails with ABORTED.
"""

from emulator.config import Config
from emulator.service import Service
from emulator.state import State

__all__ = ["create"]


def create(config: Config, state: State) -> Service:
    """The service, not started."""
    # Here, since the client library takes seconds to import.
    from emulator.vertex.service import VertexService

    return VertexService(config, state)
