"""The states of a job and the importance of its messages, in Dataflow's words.

https://cloud.google.com/dataflow/docs/reference/rest/v1b3/projects.jobs#jobstate
"""

from __future__ import annotations

PENDING = "JOB_STATE_PENDING"
RUNNING = "JOB_STATE_RUNNING"
DONE = "JOB_STATE_DONE"
FAILED = "JOB_STATE_FAILED"
CANCELLING = "JOB_STATE_CANCELLING"
CANCELLED = "JOB_STATE_CANCELLED"

TERMINAL = frozenset({DONE, FAILED, CANCELLED})

DEBUG = "JOB_MESSAGE_DEBUG"
DETAILED = "JOB_MESSAGE_DETAILED"
BASIC = "JOB_MESSAGE_BASIC"
WARNING = "JOB_MESSAGE_WARNING"
ERROR = "JOB_MESSAGE_ERROR"

# The numbers of the enumeration are in another order.
IMPORTANCES = ("JOB_MESSAGE_IMPORTANCE_UNKNOWN", DEBUG, DETAILED, BASIC, WARNING, ERROR)
"""From the least important to the most."""
