"""Retention: what the runs of all datasets left behind, and no policy keeps, is listed or removed."""

from retraining.housekeeping import RetentionPolicy
from retraining.maintenance import build_housekeeping_dag

POLICY = RetentionPolicy(
    keep_versions=10,
    keep_promoted=10,
    max_age_days=90,
    data_days=90,
    temporary_days=7,
    candidate_hours=1,
    dry_run=True,
)

dag = build_housekeeping_dag(POLICY, schedule="@weekly")
