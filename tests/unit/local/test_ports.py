import socket
from dataclasses import asdict
from pathlib import Path

from local.ports import LOOPBACK, Ports


def test_allocate_again_gives_the_same_ports(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    assert Ports.allocate(file) == Ports.allocate(file)


def test_allocate_when_a_port_was_taken_replaces_that_one_only(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    before = Ports.allocate(file)
    with socket.socket() as other:
        other.bind((LOOPBACK, before.airflow))
        other.listen()
        after = Ports.allocate(file)
    assert after.airflow != before.airflow
    assert (after.emulator, after.tensorboard) == (before.emulator, before.tensorboard)


def test_allocate_gives_distinct_ports(tmp_path: Path) -> None:
    ports = Ports.allocate(tmp_path / "ports.json")
    assert len(set(asdict(ports).values())) == 4


def test_read_of_a_damaged_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text('{"airflow": 1}')
    assert Ports.read(tmp_path / "ports.json") is None
    assert Ports.read(tmp_path / "missing.json") is None
