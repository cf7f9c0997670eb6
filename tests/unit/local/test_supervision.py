import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from local import leftovers
from local.environment import process_environment
from local.home import Home
from local.programs import Program
from local.supervision import ProgramStatus, Supervisor

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
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path)
    home.create()
    return home


@pytest.fixture
def supervisor(home: Home) -> Iterator[Supervisor]:
    supervisor = Supervisor(home)
    supervisor.start([SLEEPS, FAILS, LEAVES_A_CHILD], process_environment({}, home))
    yield supervisor
    supervisor.stop()
    leftovers.stop(leftovers.find(home))


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


def test_statuses_without_supervisord_is_empty(home: Home) -> None:
    assert Supervisor(home).statuses() == []
    assert not Supervisor(home).running()
    Supervisor(home).stop()


def test_leftovers_after_kill_of_supervisord_are_found_with_their_children(
    supervisor: Supervisor, home: Home
) -> None:
    supervisor.start_program("leaves")
    until(lambda: any(process.name() == "sleep" for process in leftovers.find(home)))
    psutil.Process(supervisor.pid()).kill()
    left = leftovers.find(home)
    assert len(left) >= 2
    leftovers.stop(left)
    assert leftovers.find(home) == []


def test_leftovers_of_another_home_are_not_found(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start_program("sleeps")
    until(lambda: status(supervisor, "sleeps").pid > 0)
    assert leftovers.find(Home.at(tmp_path / "other")) == []
