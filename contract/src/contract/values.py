"""Values of a table's columns: one normal form, whether they come from a file or from a request."""

from __future__ import annotations

import re
import struct
import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

TIMESTAMP_FORMAT = "%Y-%m-%d %H:%M:%S"
"""Normal form of a timestamp, in the feature's time zone."""

_NAME = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",+]+))\s*')
_UTC = re.compile(r"\s*(UTC|GMT|Z)$")
_WHOLE = re.compile(r"[+-]?(\d+)(\.0*)?")
_MOST_EXACT = 2**24
"""Up to here float32 holds every whole number."""
_MOST_WHOLE = 2.0**53
"""Beyond it no float has a fraction, and so none is meant to be whole."""


def normal_text(text: str) -> str:
    """Return a text without spaces around it, in the Unicode normal form C.

    Spaces are those of `str.strip`. https://unicode.org/reports/tr15/
    """
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).strip()


def normal_timestamp(text: str, *, timezone: str, date_format: str = "") -> str:
    """Return a date, or a date and a time, in the normal form `TIMESTAMP_FORMAT`.

    Args:
        text: in normal form; a date alone is its midnight.
        timezone: name of the time zone that the result is in; a text that names none is in it, too.
        date_format: directives of `strptime`; by default ISO 8601, also with UTC or GMT at its end.

    Raises:
        ValueError: it is no such date.
    """
    if date_format:
        time = datetime.strptime(text, date_format)  # noqa: DTZ007 - the zone follows
    else:
        if not text.isascii() or not text[:4].isdecimal():
            raise ValueError(text)
        time = datetime.fromisoformat(_UTC.sub("+00:00", text))
    if time.tzinfo is not None:
        try:
            time = time.astimezone(ZoneInfo(timezone))
        except OverflowError:  # before the year 1 or after 9999 there
            raise ValueError(text) from None
    return time.replace(tzinfo=None).isoformat(" ", "seconds")


def is_normal_timestamp(text: str) -> bool:
    """Return True for a date and a time in the form `TIMESTAMP_FORMAT`."""
    try:
        return datetime.strptime(text, TIMESTAMP_FORMAT).isoformat(" ") == text  # noqa: DTZ007 - has no zone
    except ValueError:
        return False


def is_rounded(value: float) -> bool:
    """Return True for a whole number that float32 can't hold: a model would take it for another."""
    if abs(value) <= _MOST_EXACT:
        return False
    try:
        (stored,) = struct.unpack("<f", struct.pack("<f", value))
    except (OverflowError, struct.error):  # the latter of an int beyond any float
        return True
    if isinstance(value, float) and abs(value) > _MOST_WHOLE:
        return False
    return bool(int(stored) != int(value))


def is_rounded_text(text: str) -> bool:
    """Return True for the text of a whole number, with an exponent or without, that float32 can't hold."""
    found = _WHOLE.fullmatch(text)
    if found is not None:
        return is_rounded(int(found[1]))
    try:
        value = float(text)
    except ValueError:
        return False
    return value.is_integer() and abs(value) <= _MOST_WHOLE and is_rounded(value)


def name_groups(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the names in a list of groups: names are joined by +, groups separated by commas.

    A name that holds one of these, or a quote, is written in double quotes, its own doubled, as in CSV.

    Raises:
        ValueError: the text is no such list.
    """
    groups: list[list[str]] = [[]]
    position = 0
    while position < len(text) and text.strip():
        found = _NAME.match(text, position)
        name = "" if found is None else (found[2] or "").strip() or (found[1] or "").replace('""', '"')
        if found is None or not name:
            raise ValueError(text)
        groups[-1].append(normal_text(name))
        position = found.end()
        if position < len(text):
            separator, position = text[position], position + 1
            if separator not in ",+" or position == len(text):
                raise ValueError(text)
            if separator == ",":
                groups.append([])
    return tuple(map(tuple, groups)) if groups[0] else ()
