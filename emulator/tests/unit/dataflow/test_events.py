"""The events of a job survive their writer."""

from pathlib import Path

from emulator.dataflow.events import FILENAME, EventLog, Importance, JobState, Message, Metrics, StateChange


def test_event_log_read_returns_events_in_order(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.add_message("one\nline", importance=Importance.WARNING)
    log.change_state(JobState.RUNNING)
    log.set_metrics([{"scalar": 3}])

    message, change, metrics = log.read()

    assert isinstance(message, Message)
    assert (message.text, message.importance) == ("one\nline", Importance.WARNING)
    assert isinstance(change, StateChange)
    assert change.state == JobState.RUNNING
    assert isinstance(metrics, Metrics)
    assert metrics.updates == [{"scalar": 3}]
    assert message.time <= change.time <= metrics.time


def test_event_log_without_file_is_empty(tmp_path: Path) -> None:
    assert EventLog(tmp_path).read() == []


def test_event_log_with_half_a_line_reads_the_others(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.change_state(JobState.RUNNING)
    with (tmp_path / FILENAME).open("a") as file:
        file.write('\n{"kind": "Message", "ti')
    log.change_state(JobState.FAILED)

    assert [event.state for event in log.read() if isinstance(event, StateChange)] == [
        JobState.RUNNING,
        JobState.FAILED,
    ]
