"""Log entries made from a process's log."""

import json
from pathlib import Path

from emulator.job_logs import Line, LogSource, plain, read_lines, structured

TIME = "2026-01-31T12:00:00.000000Z"


def test_read_lines_of_half_written_log_reads_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(json.dumps({"time": TIME, "stream": "stdout", "line": "one"}) + '\n{"time": "20')

    assert list(read_lines(log)) == [Line(time=TIME, stream="stdout", text="one")]


def test_read_lines_without_log_reads_nothing(tmp_path: Path) -> None:
    assert list(read_lines(tmp_path / "log")) == []


def test_structured_line_becomes_payload() -> None:
    line = Line(time=TIME, stream="stderr", text='{"severity": "warning", "message": "m", "step": 3}')

    assert structured(line) == {"severity": "WARNING", "jsonPayload": {"message": "m", "step": 3}}


def test_structured_without_severity_takes_that_of_the_stream() -> None:
    assert structured(Line(time=TIME, stream="stderr", text='{"message": "m"}')) == {
        "severity": "ERROR",
        "jsonPayload": {"message": "m"},
    }


def test_structured_of_text_is_none() -> None:
    assert structured(Line(time=TIME, stream="stdout", text="{not json")) is None


def test_entries_have_a_place_and_the_project_in_their_name() -> None:
    source = LogSource(
        project="p", log_id="dataflow.googleapis.com/worker", resource_type="dataflow_step",
        resource_labels={"job_id": "7"}, labels={}, identity="7.0",
        read=lambda: iter([(TIME, line) for line in lines]),
    )  # fmt: skip
    lines = [plain(Line(time=TIME, stream="stdout", text=text)) for text in ("one", "two")]

    first, second = source.entries()

    assert first["logName"] == "projects/p/logs/dataflow.googleapis.com%2Fworker"
    assert first["jsonPayload"] == {"message": "one"}
    assert first["insertId"] < second["insertId"]
