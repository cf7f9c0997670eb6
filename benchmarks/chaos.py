"""Whole runs through the real scheduler, each disturbed once at a moment of chance, and what became of them.

python benchmarks/chaos.py --runs 50 --seed 1

Each run uploads, converts, trains for some seconds by a stand-in of the trainer, passes the gate, and is
promoted; some are taken back and released afterwards. Lanes are datasets whose runs go at the same time. A
run is right if it succeeds with one succeeded job, one version, and that version alone in production, if
nothing is left over, and if it is no more than a minute for each disturbance of that time later than
undisturbed ones of the same session, plus the work that was destroyed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from chaos_lane import Lane, Result
from disturbances import Disturbance, Disturber, plan, request_faults

from local import StackError, supervision
from local.airflow_client import FINAL_RUN_STATES, AirflowClient
from local.paths import CHECKOUT, StackPaths
from local.stack import Stack

IMAGES = CHECKOUT / "tests" / "images"
LATE_SECONDS = 60.0
STANDSTILL_SECONDS = 600.0
WAY_BACK_EVERY = 5
"""Each so manieth run is taken back, and the disturbance meets the way back."""


class Session:
    """Runs of all lanes on one stack."""

    def __init__(self, stack: Stack, lanes: list[Lane], late_seconds: float) -> None:
        self._stack = stack
        self._late_seconds = late_seconds
        self._lanes = lanes
        self._undisturbed = 30.0
        self.results: list[Result] = []

    def calibrate(self, rounds: int) -> list[float]:
        """Measure undisturbed runs; the first, which makes endpoints and fills caches, does not count."""
        seconds: list[float] = []
        for number in range(rounds + 1):
            results = self._round([None] * len(self._lanes), number=0)
            for result in results:
                print(result, flush=True)
            if wrong := [str(result) for result in results if result.wrong]:
                raise RuntimeError(f"expected undisturbed runs to be right: {wrong}")
            if number:
                seconds += [result.seconds for result in results]
        self._undisturbed = statistics.median(seconds)
        return seconds

    def run(self, disturbances: list[Disturbance]) -> None:
        """Disturb runs, one for each lane at a time."""
        while disturbances:
            some, disturbances = disturbances[: len(self._lanes)], disturbances[len(self._lanes) :]
            results = self._round(list(some), number=len(self.results) + 1)
            self.results += results
            for result in results:
                print(result, flush=True)

    def _round(self, disturbances: list[Disturbance | None], *, number: int) -> list[Result]:
        self._wait_until_healthy()
        request_faults(self._stack, "DELETE")
        results, begun = [], datetime.now(UTC)
        with AirflowClient(self._stack.ports.airflow_url) as airflow:
            runs, disturbers = [], []
            for index, (lane, disturbance) in enumerate(zip(self._lanes, disturbances, strict=False)):
                lane.add_data()
                result = Result(number=number and number + index, lane=lane.name, disturbance=disturbance)
                results.append(result)
                runs.append((lane, lane.trigger(airflow), result))
                way_back = bool(number) and result.number % WAY_BACK_EVERY == 0
                if disturbance is not None and not way_back:
                    disturbers.append(self._disturb(disturbance, self._undisturbed))
            for lane, run_id, result in runs:
                self._follow(airflow, lane.dag, run_id, begun, result)
            for lane, _, result in runs:
                if number and result.number % WAY_BACK_EVERY == 0 and not result.wrong:
                    assert result.disturbance is not None
                    disturbers.append(self._disturb(result.disturbance, 5.0))
                    result.wrong += self._take_back(airflow, lane)
            for disturber in disturbers:
                disturber.stop()
        self._wait_until_healthy()
        request_faults(self._stack, "DELETE")
        met = [found for found in disturbances if found is not None and found.at is not None]
        for lane, run_id, result in runs:
            lane.judge(run_id, result)
            allowed = (
                self._undisturbed
                + self._late_seconds * len(met)
                + sum(found.destroyed_seconds for found in met)
            )
            if number and result.seconds > allowed:
                result.wrong.append(f"{result.seconds:.0f} s, expected at most {allowed:.0f}")
        return results

    def _disturb(self, disturbance: Disturbance, span: float) -> Disturber:
        disturber = Disturber(self._stack, disturbance, disturbance.fraction * span)
        disturber.start()
        return disturber

    def _follow(self, airflow: AirflowClient, dag: str, run_id: str, begun: datetime, result: Result) -> None:
        """Wait for the end of a run, whoever is killed meanwhile."""
        until = time.monotonic() + STANDSTILL_SECONDS
        state = "unknown"
        while time.monotonic() < until:
            try:
                if (state := airflow.run_state(dag, run_id)) in FINAL_RUN_STATES:
                    result.seconds = (airflow.run_end(dag, run_id) - begun).total_seconds()
                    break
            except StackError:
                pass  # the API server was killed, or is not up again
            time.sleep(0.5)
        if state != "success":
            tasks = {task.task_id: task.state for task in airflow.task_instances(dag, run_id)}
            result.wrong.append(f"{dag} {run_id} is {state}: {tasks}")

    def _take_back(self, airflow: AirflowClient, lane: Lane) -> list[str]:
        """Put the version before into production, and accept it; return what went wrong."""
        before, now = lane.promoted()[-2:]
        for action, expected in (("rollback", before), ("release", before)):
            result = Result(number=0, lane=lane.name, disturbance=None)
            run_id = lane.decide(airflow, action)
            self._follow(airflow, "model_rollback", run_id, datetime.now(UTC), result)
            if result.wrong:
                return result.wrong
            if (serving := lane.production()) != {expected: 100}:
                return [f"after {action} of {now} production is {serving}, expected {expected}"]
        return []

    def _wait_until_healthy(self) -> None:
        until = time.monotonic() + STANDSTILL_SECONDS
        while not self._stack.running():
            if time.monotonic() > until:
                raise RuntimeError(f"expected a healthy stack, received {self._stack.statuses()}")
            time.sleep(1)


def main(arguments: list[str] | None = None) -> int:
    """Disturb and print; return 0 if every run was right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10, help="disturbed runs (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of kinds and moments (%(default)s)")
    parser.add_argument("--lanes", type=int, default=2, help="runs at the same time (%(default)s)")
    parser.add_argument(
        "--late-seconds", type=float, default=LATE_SECONDS, help="the most that a kill may cost (%(default)s)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the stack's folder")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="perennial-chaos-"))
    right = False
    try:
        right = _run(folder, options)
    finally:
        if options.keep:
            print(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if right else 1


def _run(folder: Path, options: argparse.Namespace) -> bool:
    dags = folder / "dags"
    dags.mkdir()
    images = {f"chaos/{name}": IMAGES / f"{name}.py" for name in ("chain_trainer", "chain_server")}
    stack = Stack(StackPaths.at(folder / "stack"), dags=dags, images=images)
    names = [f"lane_{letter}" for letter in "abcdefgh"[: options.lanes]]
    lanes = [Lane(stack, name, folder / name) for name in names]
    for lane in lanes:
        lane.write_dag(dags)
    shutil.copy(CHECKOUT / "dags" / "model_rollback.py", dags)
    with Lane.environment(folder):
        try:
            stack.up(tensorboard=False)
            with AirflowClient(stack.ports.airflow_url) as airflow:
                for dag in ("model_rollback", *(lane.dag for lane in lanes)):
                    airflow.unpause(dag)
            session = Session(stack, lanes, options.late_seconds)
            undisturbed = session.calibrate(2)
            session.run(plan(options.runs, options.seed))
        finally:
            stack.down()
    left = [supervision.describe_process(process) for process in supervision.find_orphans(stack.paths)]
    return tally(session.results, undisturbed, left)


def tally(results: list[Result], undisturbed: list[float], left: list[str]) -> bool:
    """Print what became of all runs; return True if all were right."""
    wrong = [result for result in results if result.wrong]
    missed = [result for result in results if result.disturbance and result.disturbance.at is None]
    jobs = sum((result.jobs for result in results), Counter())
    median = statistics.median(undisturbed)
    slowest = max(results, key=lambda result: result.seconds)
    print(f"\nruns right: {len(results) - len(wrong)} of {len(results)}")
    print(f"training jobs: {dict(jobs)}; versions: {sum(result.versions for result in results)}")
    print(f"machines paid twice: {sum(len(result.paid_twice) for result in results)}")
    print(f"leftovers: {sum(len(result.leftovers) for result in results) + len(left)} {left or ''}")
    print(
        f"undisturbed: {median:.1f} s (median of {len(undisturbed)}, {min(undisturbed):.1f} to "
        f"{max(undisturbed):.1f}); slowest disturbed: {slowest.seconds:.1f} s ({slowest.disturbance})"
    )
    print(f"disturbances that found nothing to disturb: {len(missed)}")
    by_kind: dict[str, list[float]] = {}
    for result in results:
        if result.disturbance and result.disturbance.at is not None:
            by_kind.setdefault(result.disturbance.kind, []).append(result.seconds - median)
    for kind, late in sorted(by_kind.items()):
        middle = statistics.median(late)
        print(f"  {kind:<14} {len(late)} runs, later by {middle:.1f} s, at most {max(late):.1f} s")
    for result in wrong:
        print(result)
    right = {
        "right": (len(results) - len(wrong)) / len(results),
        "slowest_to_undisturbed": slowest.seconds / median,
    }
    print(json.dumps(right))
    return not wrong and not left


if __name__ == "__main__":
    sys.exit(main())
