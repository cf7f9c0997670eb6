"""Traffic split of an endpoint among its deployed models."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Mapping

from emulator.errors import FailedPrecondition, InvalidArgument

BEING_DEPLOYED = "0"
"""Key in a traffic split for the model that is just being deployed."""

_WHOLE = 100


def check_split(split: Mapping[str, int], known: Collection[str]) -> None:
    """Refuse an invalid traffic split.

    Args:
        split: deployed model's id -> percentage.
        known: the ids of the deployed models.

    Raises:
        InvalidArgument: it names another model, a percentage is out of range, or they don't add up.
    """
    for deployed_model_id, percentage in split.items():
        if deployed_model_id not in known:
            raise InvalidArgument(
                f"traffic_split: expected ids of deployed models ({sorted(known)}), "
                f"received {deployed_model_id!r}"
            )
        if not 0 <= percentage <= _WHOLE:
            raise InvalidArgument(
                f"traffic_split[{deployed_model_id}]: expected 0 to {_WHOLE}, received {percentage}"
            )
    if sum(split.values()) != _WHOLE:
        raise InvalidArgument(
            f"traffic_split: expected percentages that add up to {_WHOLE}, received {sum(split.values())}"
        )


def split_after_deploy(
    current: Mapping[str, int], requested: Mapping[str, int], *, new_id: str, others: Collection[str]
) -> dict[str, int]:
    """Return the split after a deployment; without a requested one it stays as it is.

    Raises:
        InvalidArgument: the requested split is invalid for the deployed models and the new one.
    """
    if not requested:
        return dict(current)
    check_split(requested, {*others, BEING_DEPLOYED, new_id})
    return {new_id if key == BEING_DEPLOYED else key: value for key, value in requested.items()}


def split_after_undeploy(
    current: Mapping[str, int], requested: Mapping[str, int], *, removed: str, others: Collection[str]
) -> dict[str, int]:
    """Return the split after a model is undeployed; that of an empty endpoint is empty.

    Raises:
        InvalidArgument: the requested split is invalid for the remaining models.
        FailedPrecondition: the model still has traffic.
    """
    if not others:
        return {}
    if requested:
        if requested.get(removed):
            raise FailedPrecondition(
                f"traffic_split: the model {removed} can't be undeployed while it has {requested[removed]} % "
                "of the traffic"
            )
        check_split({key: value for key, value in requested.items() if key != removed}, others)
        return {key: value for key, value in requested.items() if key != removed}
    if current.get(removed):
        raise FailedPrecondition(
            f"The deployed model {removed} has {current[removed]} % of the traffic: give it to others by "
            "traffic_split before or while it is undeployed."
        )
    return {key: value for key, value in current.items() if key != removed}


class WeightedRoundRobin:
    """Deterministic choice of deployed models in proportion to their traffic, evenly spread.

    Smooth weighted round-robin: https://github.com/nginx/nginx/commit/52327e0627f49dbda1e8db695e63a4b0af4448b1
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._credits: dict[str, dict[str, int]] = defaultdict(dict)

    def choose(self, endpoint: str, split: Mapping[str, int]) -> str:
        """Return the deployed model for the endpoint's next request.

        Raises:
            FailedPrecondition: no model has traffic.
        """
        weights = {key: weight for key, weight in split.items() if weight > 0}
        if not weights:
            raise FailedPrecondition(f"Endpoint {endpoint} doesn't have traffic_split.")
        with self._lock:
            old = self._credits[endpoint]
            credit = {key: old.get(key, 0) + weight for key, weight in weights.items()}
            chosen = max(credit, key=lambda key: credit[key])
            credit[chosen] -= sum(weights.values())
            self._credits[endpoint] = credit
        return chosen
