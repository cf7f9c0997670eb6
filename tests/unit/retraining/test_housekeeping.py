"""The policy of retention."""

from __future__ import annotations

import pytest

from contract import ContractError
from retraining.housekeeping import RetentionPolicy


def test_policy_only_lists_unless_it_says_otherwise() -> None:
    assert RetentionPolicy().dry_run


@pytest.mark.parametrize(
    "field", ["keep_versions", "keep_promoted", "max_age_days", "temporary_days", "candidate_hours"]
)
def test_policy_that_would_keep_nothing_names_the_field(field: str) -> None:
    with pytest.raises(ContractError, match=rf"policy\.{field}: expected 1 or more, received 0"):
        RetentionPolicy(**{field: 0})  # type: ignore[arg-type]
