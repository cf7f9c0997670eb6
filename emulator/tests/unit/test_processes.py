import json
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from emulator import processes
from emulator.processes import Process


def start(directory: Path, program: str, *, cwd: Path | None = None) -> Process:
    return processes.start(
        directory, [sys.executable, "-c", program], environment={**os.environ}, cwd=cwd or directory.parent
    )


def wait_for(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def identity(process: Process, role: str) -> int:
    return int(json.loads((process.directory / "process.json").read_text())[role]["pid"])


@pytest.fixture
def directory(tmp_path: Path):
    directory = tmp_path / "job"
    yield directory
    Process(directory).terminate(0)


def test_start_that_ends_well_leaves_its_exit_code_and_times(directory: Path) -> None:
    process = start(directory, "print('hello')")
    assert process.wait(20)
    assert process.exit_code() == 0
    assert not process.lost()
    assert process.started_at() <= process.ended_at()


def test_start_returns_a_running_process(directory: Path) -> None:
    process = start(directory, "import time; time.sleep(60)")
    assert process.running()
    assert process.exit_code() is None
    assert process.ended_at() is None
    assert not process.lost()


def test_start_of_a_failing_command_records_its_exit_code(directory: Path) -> None:
    process = start(directory, "raise SystemExit(3)")
    process.wait(20)
    assert process.exit_code() == 3


def test_start_of_no_command_records_127_and_says_why(directory: Path) -> None:
    process = processes.start(directory, ["no-such-program"], environment={}, cwd=directory.parent)
    assert process.exit_code() == 127
    assert not process.running()
    assert not process.lost()
    assert "no-such-program" in process.last_lines(1)[0]


def test_start_gives_the_command_its_environment_and_folder(directory: Path, tmp_path: Path) -> None:
    program = "import os; print(os.environ['COLOUR'], os.getcwd())"
    process = processes.start(
        directory, [sys.executable, "-c", program], environment={"COLOUR": "blue"}, cwd=tmp_path
    )
    process.wait(20)
    assert process.last_lines(1) == [f"blue {tmp_path}"]


def test_start_is_not_misled_by_modules_in_the_commands_folder(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise ImportError")
    process = processes.start(directory, [sys.executable, "-V"], environment={}, cwd=tmp_path)
    process.wait(20)
    assert process.exit_code() == 0


def test_log_holds_each_line_with_its_time_and_stream(directory: Path) -> None:
    start(directory, "import sys; print('one'); print('two', file=sys.stderr); print('no end', end='')").wait(
        20
    )
    lines = [json.loads(line) for line in (directory / "log").read_text().splitlines()]
    assert {(line["stream"], line["line"]) for line in lines} == {
        ("stdout", "one"), ("stderr", "two"), ("stdout", "no end"),
    }  # fmt: skip
    assert all(line["time"].endswith("Z") for line in lines)


def test_log_of_undecodable_bytes_shows_them_replaced(directory: Path) -> None:
    process = start(directory, r"import sys; sys.stdout.buffer.write(b'a\xffb\n')")
    process.wait(20)
    assert process.last_lines(1) == ["a�b"]


def test_last_lines_gives_no_more_than_asked_for(directory: Path) -> None:
    process = start(directory, "[print(i) for i in range(100)]")
    process.wait(20)
    assert process.last_lines(2) == ["98", "99"]


def test_process_of_a_dead_parent_is_found_by_its_folder(directory: Path) -> None:
    starter = (
        "import os, sys\nfrom pathlib import Path\nfrom emulator import processes\n"
        "processes.start(Path(sys.argv[1]), [sys.executable, '-c', 'import time; time.sleep(1); print(7)'],"
        " environment=dict(os.environ), cwd=Path('.'))\nos.kill(os.getpid(), 9)"
    )
    parent = psutil.Popen([sys.executable, "-c", starter, str(directory)])
    assert parent.wait(30) == -signal.SIGKILL
    process = Process(directory)
    assert process.running()
    assert process.wait(20)
    assert (process.exit_code(), process.last_lines(1)) == (0, ["7"])


def test_terminate_reaches_the_children_of_the_command(directory: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "apart = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " start_new_session=True)\n"
        "print(child.pid, apart.pid, flush=True)\ntime.sleep(60)"
    )
    process = start(directory, program)
    wait_for(lambda: process.last_lines(1))
    children = [psutil.Process(int(pid)) for pid in process.last_lines(1)[0].split()]
    process.terminate(10)
    assert process.exit_code() == -signal.SIGTERM
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


def test_terminate_kills_what_does_not_listen(directory: Path) -> None:
    program = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf', flush=True)\ntime.sleep(60)"
    )
    process = start(directory, program)
    wait_for(lambda: process.last_lines(1))
    process.terminate(0.1)
    assert process.exit_code() == -signal.SIGKILL


def test_end_of_the_command_ends_its_children(directory: Path) -> None:
    process = start(
        directory,
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)",
    )
    assert process.wait(20)
    child = int(process.last_lines(1)[0])
    wait_for(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
    assert process.exit_code() == 0


def test_process_killed_with_its_shim_is_lost(directory: Path) -> None:
    process = start(directory, "import time; time.sleep(60)")
    for role in ("shim", "command"):
        os.kill(identity(process, role), signal.SIGKILL)
    wait_for(process.lost)
    assert not process.running()
    assert process.exit_code() is None


def test_terminate_of_a_command_without_shim_ends_it(directory: Path) -> None:
    process = start(directory, "import time; time.sleep(60)")
    command = psutil.Process(identity(process, "command"))
    os.kill(identity(process, "shim"), signal.SIGKILL)
    wait_for(process.lost)
    process.terminate(5)
    wait_for(lambda: not command.is_running() or command.status() == psutil.STATUS_ZOMBIE)


def test_shim_that_is_told_to_end_passes_it_on(directory: Path) -> None:
    process = start(directory, "import time; time.sleep(60)")
    os.kill(identity(process, "shim"), signal.SIGTERM)
    assert process.wait(20)
    assert process.exit_code() == -signal.SIGTERM


def test_running_of_another_process_with_the_same_id_is_false(directory: Path) -> None:
    directory.mkdir()
    another = {"pid": os.getpid(), "create_time": psutil.Process().create_time() - 100}
    (directory / "process.json").write_text(json.dumps({"shim": another, "command": another}))
    process = Process(directory)
    assert not process.running()
    assert process.lost()
    process.terminate(0)


def test_process_of_version_0_1_0_is_lost(directory: Path) -> None:
    directory.mkdir()
    another = {"pid": os.getpid(), "create_time": psutil.Process().create_time() - 100}
    (directory / "process.json").write_text(json.dumps({"keeper": another, "command": another}))
    assert not Process(directory).running()
    assert Process(directory).lost()
