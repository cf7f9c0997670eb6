from datetime import UTC, datetime

from retraining.ui.pages import bar, format_bytes, format_duration, format_number, format_time, humanize


def test_format_duration_chooses_the_unit() -> None:
    assert [format_duration(s) for s in (None, 1.26, 61.0, 3720.0)] == [
        "",
        "1.3 s",
        "1 min 01 s",
        "1 h 02 min",
    ]


def test_format_number_keeps_four_significant_digits() -> None:
    assert [format_number(n) for n in (12026, 0.123456, 5.1044756)] == ["12,026", "0.1235", "5.104"]
    assert format_number(None) == format_number(float("nan"))


def test_format_bytes_chooses_the_unit() -> None:
    assert [format_bytes(n) for n in (12, 344_300, 45_200_000)] == ["12 B", "344.3 kB", "45.2 MB"]


def test_format_time_is_utc_and_readable_by_machines() -> None:
    assert format_time(None) == ""
    text = format_time(datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    assert "2 Jan 2026, 03:04 UTC" in text
    assert 'datetime="2026-01-02T03:04:00+00:00"' in text


def test_bar_is_never_longer_than_its_track() -> None:
    assert 'width="50.0%"' in bar(0.5)
    assert 'width="100.0%"' in bar(1.5)


def test_humanize_separates_words() -> None:
    assert humanize("convert_to_tfrecord") == "convert to tfrecord"
