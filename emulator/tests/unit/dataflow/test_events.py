"""The events of a job survive their writer."""

from pathlib import Path

from emulator.dataflow import states
from emulator.dataflow.events import FILENAME, EventLog, Message, Metrics, StateChange


def test_event_log_read_returns_events_in_order(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.tell("one\nline", importance=states.WARNING)
    log.change_state(states.RUNNING)
    log.set_metrics([{"scalar": 3}])

    message, change, metrics = log.read()

    assert isinstance(message, Message)
    assert (message.text, message.importance) == ("one\nline", states.WARNING)
    assert isinstance(change, StateChange)
    assert change.state == states.RUNNING
    assert isinstance(metrics, Metrics)
    assert metrics.updates == [{"scalar": 3}]
    assert message.time <= change.time <= metrics.time


def test_event_log_without_file_is_empty(tmp_path: Path) -> None:
    assert EventLog(tmp_path).read() == []


def test_event_log_with_half_a_line_reads_the_others(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.change_state(states.RUNNING)
    with (tmp_path / FILENAME).open("a") as file:
        file.write('\n{"kind": "Message", "ti')
    log.change_state(states.FAILED)

    assert [event.state for event in log.read() if isinstance(event, StateChange)] == [
        states.RUNNING,
        states.FAILED,
    ]
