"""Traffic splits of an endpoint: shares of the requests in whole percent, by the deployment's id."""

from __future__ import annotations

from collections.abc import Mapping

WHOLE = 100


def scaled(shares: Mapping[str, int], total: int) -> dict[str, int]:
    """Return shares in the same proportions that add up to a total; those of nothing are left out."""
    known = {name: share for name, share in shares.items() if share > 0}
    whole = sum(known.values())
    if not whole or not total:
        return {}
    found = {name: share * total // whole for name, share in known.items()}
    found[max(known, key=lambda name: known[name])] += total - sum(found.values())
    return {name: share for name, share in found.items() if share}


def with_share(found: Mapping[str, int], deployment: str, percent: int) -> dict[str, int]:
    """Return a split in which one deployment has a share, and all others keep their proportions.

    Args:
        found: the split before it.
        deployment: whose share it is; it gets everything where no other has traffic.
        percent: its share.
    """
    others = scaled({name: share for name, share in found.items() if name != deployment}, WHOLE - percent)
    return {**others, deployment: WHOLE - sum(others.values())}
