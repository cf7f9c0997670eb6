"""The way back: an earlier version takes production again, and nothing is promoted until that is released.

python -m retraining.rollback rollback census --reason "complaints about fares"
python -m retraining.rollback hold census --reason "audit"
python -m retraining.rollback release census --reason "audit done"

In Airflow the DAG `model_rollback` does the same, and the buttons of the models page start it.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from contract import ContractError, DatasetSpec, RolloutSpec, naming
from contract.history import (
    HistoryEvent,
    active_hold,
    previous_production,
    promoted_versions,
    recorded_production,
)
from retraining.context import GoogleServices
from retraining.errors import ConfigurationError, RolloutFailedError
from retraining.google.models import ModelVersion
from retraining.history import History, find_event
from retraining.rollout import Rollout, RolloutState, take_off
from retraining.smoke import golden_requests, smoke_test
from retraining.spec import DAGS, read_spec

Action = Literal["rollback", "hold", "release"]
ACTIONS: tuple[Action, ...] = ("rollback", "hold", "release")
_ROLLBACK = ACTIONS[0]


class ReleaseDesk:
    """Decisions of one person on one dataset's releases.

    Args:
        services: of the deployment.
        spec: the dataset.
        who: the person.
        reason: a sentence, kept in the history.
        key: identity of the decision: repeated with the same one, it is recorded once.
        run_id: Airflow's id of the run; empty outside of Airflow.
        report: takes a line of progress.

    Raises:
        ConfigurationError: there is no reason.
    """

    def __init__(
        self,
        services: GoogleServices,
        spec: DatasetSpec,
        *,
        who: str,
        reason: str,
        key: str,
        run_id: str = "",
        report: Callable[[str], None],
    ) -> None:
        if not reason.strip():
            raise ConfigurationError("reason: expected a sentence, received nothing")
        self._services = services
        self._spec = spec
        self._who = who
        self._reason = reason.strip()
        self._key = key
        self._run_id = run_id
        self._report = report
        self._names = services.names(spec.name)
        self._history = History(services.storage, self._names)
        self._events = self._history.events()
        self._done = find_event(self._events, key)

    def hold(self) -> str:
        """Hold promotions until they are released; return a sentence."""
        serving = self._services.production_version(self._spec.name)
        self._record("hold", serving, serving)
        return f"promotions of {self._spec.name} are held"

    def release(self) -> str:
        """End a hold, and accept what is in production; return a sentence.

        Raises:
            ConfigurationError: several versions share the traffic: none of them can be accepted.
        """
        endpoint = self._names.production_endpoint
        split = self._services.endpoints.traffic(endpoint)
        if len(split) > 1:
            raise ConfigurationError(
                f"{endpoint}: expected one version with all traffic, received the split {split}"
            )
        serving = self._services.production_version(self._spec.name)
        self._record("release", serving, serving)
        what = f"version {serving.version}" if serving else "no version"
        return f"promotions of {self._spec.name} are released; {what} is in production"

    def roll_back(self, to: str | None = None) -> str:
        """Put an earlier version into production, smoke-tested first, and hold promotions.

        Every step is found done when it is repeated.

        Args:
            to: the version's id; None for the one that was in production before.

        Returns:
            A sentence.

        Raises:
            ConfigurationError: there is no such version, or it is in production.
            RolloutFailedError: it does not answer as it should; production is as it was.
        """
        endpoint = self._names.production_endpoint
        self._services.endpoints.check_ownership(endpoint, self._names)
        present = self._services.production_version(self._spec.name)
        before = self._withdrawn(present)
        target = self._target(to, before)
        requests = golden_requests(self._services, target)
        if self._done is None and (present is None or present.name != target.name):
            wrong = smoke_test(self._services, self._spec, target, requests, report=self._report)
            if wrong:
                reason = f"version {target.version} does not answer as it should: {'; '.join(wrong[:5])}"
                raise RolloutFailedError(reason, is_final=True)
        rollout = Rollout(
            self._services, self._all_at_once, target, owner=self._key, report=self._report, takes_over=True
        )
        if self._done is None:
            rollout.run(requests, objection=lambda: "")
        self._services.models.move_aliases(target, add=[naming.DEFAULT_ALIAS], remove=[])
        self._record("rollback", before, target)
        kept = self._services.serving(self._spec).keep_replaced_minutes or 0.0
        replaced = before.version if before else ""
        left = take_off(self._services, kept, endpoint, target, replaced)
        rollout.finish()
        sentence = f"version {target.version} answers at {endpoint}; promotions are held"
        return "; ".join([sentence, *left])

    @property
    def _all_at_once(self) -> DatasetSpec:
        """The dataset with a rollout in one step: a way back is not taken by shares."""
        return replace(self._spec, rollout=RolloutSpec())

    def _withdrawn(self, present: ModelVersion | None) -> ModelVersion | None:
        """Return the version that is taken out: of an earlier try, the one that it found."""
        done = self._done
        recorded = done.from_version if done else recorded_production(self._events)
        if recorded and (present is None or recorded != present.version):
            return self._services.models.find(self._names.model, recorded) or present
        return present

    def _target(self, to: str | None, before: ModelVersion | None) -> ModelVersion:
        done = self._done
        wanted = (
            done.to_version
            if done
            else to or previous_production(self._events, before.version if before else "")
        )
        promoted = promoted_versions(self._events)
        if not wanted:
            raise ConfigurationError(
                f"version: expected one of {promoted} to go back to, received none; the history of "
                f"{self._spec.name} names none before the present one"
            )
        target = self._services.models.find(self._names.model, wanted)
        if target is None or not self._names.owns(target.labels):
            known = [one.version for one in self._services.models.versions(self._names.model)]
            raise ConfigurationError(f"version: expected one of {known}, received {wanted!r}")
        if done is None and before is not None and before.version == wanted:
            raise ConfigurationError(
                f"version: expected another than {wanted}, which is in production, received {wanted!r}"
            )
        return target

    def _record(self, kind: Action, before: ModelVersion | None, after: ModelVersion | None) -> None:
        labels = naming.FINGERPRINT_LABEL
        self._history.record(
            HistoryEvent(
                kind=kind,
                key=self._key,
                time=datetime.now(UTC).isoformat(timespec="seconds"),
                who=self._who,
                from_version=before.version if before else "",
                to_version=after.version if after else "",
                reasons=(self._reason,),
                run_id=self._run_id,
                from_fingerprint=before.labels.get(labels, "") if before else "",
                to_fingerprint=after.labels.get(labels, "") if after else "",
            )
        )


def unfinished_key(services: GoogleServices, spec: DatasetSpec) -> str:
    """Return the key of a rollback that was killed on its way; empty if there is none."""
    try:
        folder = services.names(spec.name).history_folder
        owner = services.storage.read_artifact(folder, RolloutState).owner
    except FileNotFoundError:
        return ""
    return owner if owner.startswith(_ROLLBACK) else ""


def decide(desk: ReleaseDesk, action: str, version: str | None) -> str:
    """Carry out a decision and return a sentence.

    Raises:
        ConfigurationError: there is no such decision, or it can't be carried out.
        RolloutFailedError: a rollback's version does not answer as it should.
    """
    if action == "rollback":
        return desk.roll_back(version)
    if action not in ACTIONS:
        raise ConfigurationError(f"action: expected one of {list(ACTIONS)}, received {action!r}")
    if version:
        raise ConfigurationError(f"version: expected none for {action}, received {version!r}")
    return desk.hold() if action == "hold" else desk.release()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0; 1 if production is as it was because the version does not answer. A wrong argument exits with 2.
    """
    from google.api_core.exceptions import GoogleAPIError

    parser = argparse.ArgumentParser(prog="python -m retraining.rollback", description=__doc__)
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("dataset", metavar="DATASET")
    parser.add_argument("--to", metavar="VERSION", help="version to go back to; default: the one before")
    parser.add_argument("--reason", required=True, help="kept in the history")
    parser.add_argument("--who", default=getpass.getuser(), help="default: %(default)s")
    parser.add_argument("--dags", type=Path, default=DAGS, metavar="FOLDER", help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        spec = read_spec(options.dataset, options.dags)
        services = GoogleServices.from_environment()
        with closing(services.clients):
            events = History(services.storage, services.names(spec.name)).events()
            hold = active_hold(events)
            if options.action == "release" and hold is None and options.to is None:
                print(f"No hold is active; what is in production is accepted for {spec.name}.")
            desk = ReleaseDesk(
                services,
                spec,
                who=options.who,
                reason=options.reason,
                key=(options.action == _ROLLBACK and unfinished_key(services, spec))
                or f"{options.action} {options.to or ''} after {len(events)}",
                report=print,
            )
            print(decide(desk, options.action, options.to))
    except (ConfigurationError, ContractError) as error:
        parser.error(str(error))
    except (RolloutFailedError, GoogleAPIError, OSError) as error:
        print(f"retraining.rollback: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
