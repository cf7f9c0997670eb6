import base64
from datetime import UTC, datetime

import pytest

from retraining.ui.pages import (
    bar,
    data_uri,
    format_bytes,
    format_duration,
    format_number,
    format_time,
    grayscale_data_uri,
    humanize,
    media_type,
)

JPEG = b"\xff\xd8\xff\xe0" + bytes(60)


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


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (JPEG, "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"<svg onload='alert(1)'>", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_media_type_is_of_the_bytes_and_never_of_what_may_hold_scripts(
    content: bytes, kind: str | None
) -> None:
    assert media_type(content) == kind


def test_data_uri_holds_the_bytes_of_an_image_only() -> None:
    assert data_uri(JPEG) == f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"
    assert data_uri(b"<script>alert(1)</script>") is None


def test_grayscale_data_uri_is_a_png() -> None:
    uri = grayscale_data_uri([[[0.0], [1.0]], [[0.5], [2.0]]])
    head, _, encoded = uri.partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(encoded).startswith(b"\x89PNG")
