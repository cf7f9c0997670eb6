"""Rollout of a version on the production endpoint: step by step, checked, and back to where it began.

The state of a rollout is an object in the bucket, written before anything moves. A retry goes on from it, and
a failure restores exactly the traffic split that it holds. While it is there, no other run begins a rollout.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from contract import DatasetSpec
from contract.artifacts import GoldenRequest
from contract.naming import DatasetNames
from contract.validation import JsonFile
from retraining.context import GoogleServices
from retraining.errors import RolloutFailedError, RolloutWaitError, SplitChangedError
from retraining.gate import prediction_differences
from retraining.google.deployments import Deployment
from retraining.google.endpoints import WHOLE, with_share
from retraining.google.models import ModelVersion
from retraining.google.monitoring import Monitoring

STALE = timedelta(minutes=30)
"""Time after a step's end from which on a rollout counts as abandoned."""

_IN_PROCESS_SECONDS = 30.0
"""A longer wait gives the worker back."""
_ASKED_PER_SHARE = 20
"""Requests for each answer of a version whose share is one: (1 - share) ** (20 / share) is below 1e-8."""


@dataclass(frozen=True, kw_only=True)
class RolloutState(JsonFile):
    """A rollout under way.

    Attributes:
        owner: the run whose rollout it is.
        version: resource name of the version.
        found: traffic split before it, in percent by deployment.
        deployments: ids of all deployments before it, those without traffic included.
        step: index of the step that was reached; -1 before the first.
        since: begin of that step, ISO 8601, UTC.
        failure: why the split before is to be restored; empty if it isn't.
        is_final: whether no further attempt would avoid the failure.
        is_objection: whether a decision stopped it, and the version is not to blame.
        complete: whether all steps were taken: the split before is never restored then.
    """

    FILENAME: ClassVar[str] = "rollout.json"

    owner: str
    version: str
    found: Mapping[str, int]
    deployments: tuple[str, ...]
    step: int
    since: str
    failure: str = ""
    is_final: bool = False
    is_objection: bool = False
    complete: bool = False


class Rollout:
    """The rollout of one version by one run.

    Args:
        services: of the deployment.
        spec: the dataset.
        version: to roll out.
        owner: the run.
        report: takes a line of progress.
        takes_over: end another run's rollout, as a way back does, instead of waiting for it.
    """

    def __init__(
        self,
        services: GoogleServices,
        spec: DatasetSpec,
        version: ModelVersion,
        *,
        owner: str,
        report: Callable[[str], None],
        takes_over: bool = False,
    ) -> None:
        self._takes_over = takes_over
        self._services = services
        self._spec = spec
        self._version = version
        self._owner = owner
        self._report = report
        self._names = services.names(spec.name)
        self._endpoint = self._names.production_endpoint
        self._file = self._names.history_folder + RolloutState.FILENAME

    @property
    def state(self) -> RolloutState | None:
        """The rollout under way on the endpoint, whoever's it is; None if there is none."""
        try:
            return RolloutState.from_text(self._services.storage.read_text(self._file))
        except FileNotFoundError:
            return None

    @property
    def is_under_way(self) -> bool:
        """True if this rollout has begun."""
        return self._is_own(self.state)

    def run(self, requests: Sequence[GoldenRequest], *, objection: Callable[[], str]) -> None:
        """Take all steps that are left; repeated, it goes on where it stopped.

        Args:
            requests: golden requests of the version.
            objection: says before each step why it must not be taken; empty if nothing is against it.

        Raises:
            RolloutWaitError: a step lasts longer than a worker should wait.
            RolloutFailedError: a check failed; the split before is restored.
            SplitChangedError: somebody else changed the split; it stays as it is.
        """
        state = self._begin()
        if state.complete:
            return
        if state.failure:
            self.restore()
            raise _failure(state)
        for index, percent in enumerate(self._spec.rollout.steps):
            if index < state.step:
                continue
            if index > state.step:
                against = objection()
                if against:
                    self._fail(state, against, is_final=True, is_objection=True)
                self._shift(state, percent)
                state = self._save(replace(state, step=index, since=_now().isoformat()))
            self._check(state, requests, percent)
        self._check_lock()
        self._save(replace(state, complete=True))

    def finish(self) -> None:
        """End the rollout: what is served now is what is meant to be."""
        self._services.storage.delete(self._file)

    def restore(self) -> None:
        """Restore the split that was found, if this rollout is under way, and take its version off."""
        state = self.state
        if state is not None and self._is_own(state) and not state.complete:
            self._restore(state)

    def end_others(self) -> None:
        """End another run's rollout that was abandoned, or is to be taken over.

        Raises:
            RolloutWaitError: it is under way.
        """
        state = self.state
        if state is None or self._is_own(state):
            return
        if not state.complete and not self._takes_over:
            waits = timedelta(minutes=self._spec.rollout.wait_minutes)
            until = datetime.fromisoformat(state.since) + waits + STALE
            if _now() < until:
                again = min(until, _now() + timedelta(seconds=_IN_PROCESS_SECONDS))
                raise RolloutWaitError(f"the rollout of {state.version} is under way", until=again)
        self._report(f"Ending the rollout of {state.version}")
        if state.complete:
            self.finish()
        else:
            self._restore(state)

    def _begin(self) -> RolloutState:
        self.end_others()
        state = self.state
        if state is None:
            self._services.endpoints.ensure(self._endpoint, self._names, self._services.serving(self._spec))
            there = self._services.endpoints.deployments(self._endpoint)
            state = RolloutState(
                owner=self._owner,
                version=self._version.name,
                found={one.id: one.traffic_percent for one in there if one.traffic_percent},
                deployments=tuple(one.id for one in there),
                step=-1,
                since=_now().isoformat(),
            )
            if not self._services.storage.create_text(self._file, state.to_text()):
                return self._begin()  # another run's, or ours whose answer was lost
        return state

    def _is_own(self, state: RolloutState | None) -> bool:
        return state is not None and (state.owner, state.version) == (self._owner, self._version.name)

    def _check_lock(self) -> None:
        """Stop where somebody ended this rollout, as a rollback does.

        Raises:
            SplitChangedError: it is no longer under way.
        """
        if not self._is_own(self.state):
            raise SplitChangedError(f"The rollout of version {self._version.version} was ended by another.")

    def _save(self, state: RolloutState) -> RolloutState:
        self._services.storage.write_text(self._file, state.to_text())
        return state

    def _shift(self, state: RolloutState, percent: int) -> None:
        """Give the version its share of a step.

        Raises:
            SplitChangedError: the present split is neither the one found nor one of this rollout's.
        """
        endpoints = self._services.endpoints
        endpoints.settle(self._endpoint)
        self._check_lock()
        if not self._is_ours(state):
            present = endpoints.traffic(self._endpoint)
            self._restore(state)
            raise SplitChangedError(
                f"The traffic split of {self._endpoint} was changed during the rollout, to {present}; "
                "it stays so."
            )
        self._report(f"Giving {percent} % of {self._endpoint} to version {self._version.version}")
        endpoints.deploy(
            self._endpoint,
            self._version,
            serving=self._services.serving(self._spec),
            service_account=self._services.settings.serving_service_account,
            percent=percent,
            found=state.found,
        )

    def _is_ours(self, state: RolloutState) -> bool:
        """Return True if the present split is the one found, or one that this rollout makes."""
        present, deployed = self._services.endpoints.traffic(self._endpoint), self._deployment(state)
        made = [dict(state.found)]
        if deployed is not None:
            made += [with_share(state.found, deployed.id, step) for step in self._spec.rollout.steps]
        return present in made

    def _deployment(self, state: RolloutState) -> Deployment | None:
        for found in self._services.endpoints.deployments(self._endpoint):
            if found.version_name == state.version:
                return found
        return None

    def _check(self, state: RolloutState, requests: Sequence[GoldenRequest], percent: int) -> None:
        """Check golden requests at a step's begin and end, and the endpoint's figures at its end."""
        final = percent == WHOLE
        self._ask(state, requests, percent)
        if final or not self._spec.rollout.wait_minutes:
            return
        until = datetime.fromisoformat(state.since) + timedelta(minutes=self._spec.rollout.wait_minutes)
        left = (until - _now()).total_seconds()
        if left > _IN_PROCESS_SECONDS:
            share = f"version {self._version.version} has {percent} % of {self._endpoint}"
            raise RolloutWaitError(share, until=until)
        time.sleep(max(0.0, left))
        self._ask(state, requests, percent)
        self._measure(state, percent)

    def _ask(self, state: RolloutState, requests: Sequence[GoldenRequest], percent: int) -> None:
        """Ask until this version has answered every golden request; others may answer in between."""
        from google.api_core.exceptions import ClientError, GoogleAPIError, TooManyRequests

        version, endpoints = self._version.version, self._services.endpoints
        tries = math.ceil(_ASKED_PER_SHARE * WHOLE / percent) if percent < WHOLE else 1
        for request in requests:
            reason, is_final = "", True
            for _ in range(tries):
                try:
                    answer = endpoints.predict(self._endpoint, [request.instance])
                except GoogleAPIError as error:  # at a share below all, another version may be at fault
                    is_final = isinstance(error, ClientError) and not isinstance(error, TooManyRequests)
                    reason = str(error)
                    continue
                if answer.version != version:
                    reason = f"model_version_id: expected {version}, received {answer.version}"
                    continue
                differences = prediction_differences([request], answer.predictions)
                reason, is_final = "; ".join(differences[:5]), True
                break
            if reason:
                self._fail(
                    state, f"{self._endpoint} does not answer as it should: {reason}", is_final=is_final
                )

    def _measure(self, state: RolloutState, percent: int) -> None:
        deployed, rollout = self._deployment(state), self._spec.rollout
        if deployed is None:
            return
        health = Monitoring(self._services.clients).health(
            self._endpoint, deployed.id, since=datetime.fromisoformat(state.since)
        )
        latency = (
            "no latency" if health.latency_seconds is None else f"{1000 * health.latency_seconds:.0f} ms"
        )
        found = f"{health.errors} errors in {health.requests} requests, {latency} (95th percentile)"
        self._report(f"Version {self._version.version} at {percent} %: {found}")
        if health.requests and health.errors / health.requests > rollout.max_error_rate:
            expected = f"at most {rollout.max_error_rate:.3g} of them"
            self._fail(state, f"{self._endpoint}: {found}; expected errors in {expected}", is_final=True)
        limit = rollout.max_latency_seconds
        if limit is not None and (health.latency_seconds or 0.0) > limit:
            self._fail(state, f"{self._endpoint}: {found}; expected {1000 * limit:.0f} ms", is_final=True)

    def _fail(self, state: RolloutState, reason: str, *, is_final: bool, is_objection: bool = False) -> None:
        """Restore the split before and raise; killed in between, a retry does the same.

        Raises:
            RolloutFailedError: always, unless the rollout was ended by another.
            SplitChangedError: it was; what it left is not restored over.
        """
        self._check_lock()
        failed = replace(state, failure=reason, is_final=is_final, is_objection=is_objection)
        self._save(failed)
        self._restore(state)
        raise _failure(failed)

    def _restore(self, state: RolloutState) -> None:
        endpoints = self._services.endpoints
        endpoints.settle(self._endpoint)
        if state.found and self._is_ours(state):
            endpoints.set_traffic(self._endpoint, state.found)
        deployed = self._deployment(state)
        if deployed is not None and deployed.id not in state.deployments:
            alone = len(endpoints.deployments(self._endpoint)) == 1
            if alone or not endpoints.traffic(self._endpoint).get(deployed.id):
                self._report(f"Taking version {deployed.version} off {self._endpoint}")
                endpoints.undeploy(self._endpoint, deployed)
        self._services.storage.delete(self._file)


def is_rolling_out(services: GoogleServices, names: DatasetNames) -> bool:
    """Return True if a rollout of the dataset is under way, whoever's it is."""
    return services.storage.exists(names.history_folder + RolloutState.FILENAME)


def take_off(
    services: GoogleServices, keep_minutes: float, endpoint: str, version: ModelVersion, replaced: str
) -> list[str]:
    """Undeploy all but the version that serves, and the one that it replaced where that is to be kept.

    Returns:
        A sentence for each that could not be undeployed; housekeeping tries again.
    """
    from google.api_core.exceptions import ClientError

    left = []
    for deployment in services.endpoints.deployments(endpoint):
        if deployment.serves(version) or (keep_minutes and deployment.version == replaced):
            continue
        try:
            services.endpoints.undeploy(endpoint, deployment)
        except ClientError as error:  # no further attempt of this task would avoid it
            left.append(f"version {deployment.version} is still deployed: {error}")
    return left


def _failure(state: RolloutState) -> RolloutFailedError:
    return RolloutFailedError(state.failure, is_final=state.is_final, is_objection=state.is_objection)


def _now() -> datetime:
    return datetime.now(UTC)
