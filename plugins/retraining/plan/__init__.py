"""A backfill before it is made: which runs, what they convert, how long and for how much."""

from __future__ import annotations

from retraining.plan.past import PastRun
from retraining.plan.planner import plan
from retraining.plan.runs import Estimate, Plan, PlannedRun

__all__ = ["Estimate", "PastRun", "Plan", "PlannedRun", "plan"]
