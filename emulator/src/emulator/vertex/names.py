"""Names of resources: `projects/P/locations/L/customJobs/ID`."""

from __future__ import annotations

import re
import secrets

from emulator.errors import InvalidArgument

_ID = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
_LABEL_KEY = re.compile(r"[^\W\dA-Z_][^\WA-Z]*(-[^\WA-Z]*)*")
_LABEL_VALUE = re.compile(r"[^\WA-Z]*(-[^\WA-Z]*)*")
_LABEL_LENGTH = 63
_MOST_LABELS = 64
_DISPLAY_NAME_LENGTH = 128


def new_id() -> str:
    """A number of 19 digits, as the service gives to what comes without an id."""
    return str(10**18 + secrets.randbelow(9 * 10**18))


def project_of(name: str) -> str:
    """The project of a resource."""
    return name.split("/")[1]


def location_of(name: str) -> str:
    """`projects/P/locations/L` of a resource."""
    return "/".join(name.split("/")[:4])


def id_of(name: str) -> str:
    """The last part of a resource's name."""
    return name.rpartition("/")[2]


def check_id(value: str, field: str) -> None:
    """Refuse what can't be an id that a client chooses.

    Raises:
        InvalidArgument: it can't.
    """
    if not _ID.fullmatch(value):
        raise InvalidArgument(f"{field}: expected 1 to 63 of [a-z0-9_-], received {value!r}")


def check_display_name(value: str, field: str) -> None:
    """Refuse a missing or too long display name.

    Raises:
        InvalidArgument: it is.
    """
    if not 1 <= len(value) <= _DISPLAY_NAME_LENGTH:
        raise InvalidArgument(f"{field}: expected 1 to {_DISPLAY_NAME_LENGTH} characters, received {value!r}")


def check_labels(labels: dict[str, str], field: str) -> None:
    """Refuse labels that Google Cloud doesn't take.

    https://cloud.google.com/resource-manager/docs/labels-overview#requirements

    Raises:
        InvalidArgument: there are too many, or one has a wrong key or value.
    """
    if len(labels) > _MOST_LABELS:
        raise InvalidArgument(f"{field}: expected at most {_MOST_LABELS} labels, received {len(labels)}")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or len(key) > _LABEL_LENGTH:
            raise InvalidArgument(
                f"{field}: expected a key of up to 63 lower-case letters, digits, _ and -, received {key!r}"
            )
        if not _LABEL_VALUE.fullmatch(value) or len(value) > _LABEL_LENGTH:
            raise InvalidArgument(
                f"{field}.{key}: expected up to 63 lower-case letters, digits, _ and -, received {value!r}"
            )
