"""Severity of a log line."""

import pytest

from emulator.filter_conditions import named_severity, severity_of


@pytest.mark.parametrize(
    ("line", "stream", "severity"),
    [
        ("step 10", "stdout", "INFO"),
        ("Traceback (most recent call last):", "stderr", "ERROR"),
        ("INFO:root:step 10", "stderr", "INFO"),
        ("WARNING: deprecated", "stderr", "WARNING"),
        ("[ERROR] no data", "stdout", "ERROR"),
        ("2026-01-31 12:00:00,123 - trainer.task - INFO - step 10", "stderr", "INFO"),
        ("2026-01-31T12:00:00Z DEBUG step 10", "stderr", "DEBUG"),
        ("I0131 12:00:00.000000 7 a.cc:1] ready", "stderr", "INFO"),
        ("E0131 12:00:00.000000 7 a.cc:1] broken", "stdout", "ERROR"),
        ("INFORMATION is power", "stderr", "ERROR"),
        ("", "stdout", "INFO"),
    ],
)
def test_severity_of_line(line: str, stream: str, severity: str) -> None:
    assert severity_of(line, stream) == severity


@pytest.mark.parametrize(
    ("word", "severity"), [("warn", "WARNING"), ("ALERT", "ALERT"), ("x", None), (3, None)]
)
def test_named_severity_of_word(word: object, severity: str | None) -> None:
    assert named_severity(word) == severity
