import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from local.environment import process_environment
from local.paths import StackPaths
from local.programs import Program
from local.supervision import ProgramStatus, Supervisor, find_orphans, stop_processes

SLEEPS = Program(name="sleeps", command=(sys.executable, "-c", "import time; time.sleep(600)"))
FAILS = Program(name="fails", command=(sys.executable, "-c", "raise SystemExit('100% wrong')"))
LEAVES_A_CHILD = Program(
    name="leaves",
    command=(
        sys.executable,
        "-c",
        "import subprocess as s, time; s.Popen(['sleep', '99'], start_new_session=True); time.sleep(99)",
    ),
)


@pytest.fixture
def paths(tmp_path: Path) -> StackPaths:
    paths = StackPaths.at(tmp_path)
    paths.create()
    return paths


@pytest.fixture
def supervisor(paths: StackPaths) -> Iterator[Supervisor]:
    supervisor = Supervisor(paths)
    supervisor.start([SLEEPS, FAILS, LEAVES_A_CHILD], process_environment({}, paths))
    yield supervisor
    supervisor.stop()
    stop_processes(find_orphans(paths))


def status(supervisor: Supervisor, name: str) -> ProgramStatus:
    return next(status for status in supervisor.statuses() if status.name == name)


def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it did not come to be in ten seconds")


def test_start_program_twice_starts_one_process(supervisor: Supervisor) -> None:
    supervisor.start_program("sleeps")
    until(lambda: status(supervisor, "sleeps").pid > 0)
    pid = status(supervisor, "sleeps").pid
    supervisor.start_program("sleeps")
    assert status(supervisor, "sleeps").pid == pid
    assert status(supervisor, "sleeps").alive


def test_killed_program_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start_program("sleeps")
    until(lambda: status(supervisor, "sleeps").pid > 0)
    pid = status(supervisor, "sleeps").pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: status(supervisor, "sleeps").pid not in {0, pid})


def test_failing_program_gives_up_and_its_last_words_are_kept(supervisor: Supervisor) -> None:
    supervisor.start_program("fails")
    until(lambda: status(supervisor, "fails").gave_up)
    assert "100% wrong" in supervisor.last_lines("fails")


def test_stop_programs_stops_all_of_them(supervisor: Supervisor) -> None:
    supervisor.start_program("sleeps")
    supervisor.stop_programs(["sleeps", "fails"])
    assert not status(supervisor, "sleeps").alive


def test_statuses_without_supervisord_is_empty(paths: StackPaths) -> None:
    assert Supervisor(paths).statuses() == []
    assert not Supervisor(paths).running()
    Supervisor(paths).stop()


def test_orphans_after_kill_of_supervisord_are_found_with_their_children(
    supervisor: Supervisor, paths: StackPaths
) -> None:
    supervisor.start_program("leaves")
    until(lambda: any(process.name() == "sleep" for process in find_orphans(paths)))
    psutil.Process(supervisor.pid()).kill()
    orphans = find_orphans(paths)
    assert len(orphans) >= 2
    stop_processes(orphans)
    assert find_orphans(paths) == []


def test_orphans_of_another_stack_are_not_found(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start_program("sleeps")
    until(lambda: status(supervisor, "sleeps").pid > 0)
    assert find_orphans(StackPaths.at(tmp_path / "other")) == []
