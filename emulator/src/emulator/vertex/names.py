"""Names of resources: `projects/P/locations/L/customJobs/ID`."""

from __future__ import annotations

import re
import secrets

from emulator import limits
from emulator.errors import InvalidArgument

_MODEL_ID = re.compile(rf"[a-z_][a-z0-9_-]{{0,{limits.MODEL_ID.value - 1}}}")
_ENDPOINT_ID = re.compile(
    rf"[a-z]([a-z0-9-]{{0,{limits.ENDPOINT_ID.value - 2}}}[a-z0-9])?"
    rf"|0|[1-9][0-9]{{0,{limits.ENDPOINT_NUMBER.value - 1}}}"
)
_DEPLOYED_MODEL_ID = re.compile(rf"[0-9]{{1,{limits.DEPLOYED_MODEL_ID.value}}}")
_LABEL_KEY = re.compile(r"[^\W\dA-Z_][^\WA-Z]*(-[^\WA-Z]*)*")
_LABEL_VALUE = re.compile(r"[^\WA-Z]*(-[^\WA-Z]*)*")
_LABEL_LENGTH = limits.LABEL_TEXT.value
_MOST_LABELS = limits.LABELS.value
_DISPLAY_NAME_LENGTH = limits.DISPLAY_NAME.value


def new_id() -> str:
    """Return a number of 19 digits, as the service generates for resources without an id."""
    return str(10**18 + secrets.randbelow(9 * 10**18))


def project_of(name: str) -> str:
    """Return the project of a resource."""
    return name.split("/")[1]


def location_of(name: str) -> str:
    """Return `projects/P/locations/L` of a resource."""
    return "/".join(name.split("/")[:4])


def id_of(name: str) -> str:
    """Return the last segment of a resource's name."""
    return name.rpartition("/")[2]


def new_deployed_model_id() -> str:
    """Return a number of 10 digits, the most that a deployed model's id may have."""
    return str(10**9 + secrets.randbelow(9 * 10**9))


def check_model_id(value: str) -> None:
    """Refuse a `model_id` that the service would not take.

    Raises:
        InvalidArgument: it has another form than UploadModelRequest documents.
    """
    if not _MODEL_ID.fullmatch(value):
        raise InvalidArgument(
            f"model_id: expected 1 to 63 of [a-z0-9_-], no digit or hyphen first, received {value!r}"
        )


def check_endpoint_id(value: str) -> None:
    """Refuse an `endpoint_id` that the service would not take.

    Raises:
        InvalidArgument: it has another form than CreateEndpointRequest documents.
    """
    if not _ENDPOINT_ID.fullmatch(value):
        raise InvalidArgument(
            "endpoint_id: expected 1 to 63 of [a-z0-9-], a letter first and no hyphen last, or 1 to 9 digits "
            f"without leading zeros, received {value!r}"
        )


def check_deployed_model_id(value: str, field: str) -> None:
    """Refuse an id of a deployed model that the service would not take.

    Raises:
        InvalidArgument: it has another form than DeployedModel documents.
    """
    if not _DEPLOYED_MODEL_ID.fullmatch(value):
        raise InvalidArgument(f"{field}: expected 1 to 10 digits, received {value!r}")


def check_display_name(value: str, field: str) -> None:
    """Refuse a missing or too long display name.

    Raises:
        InvalidArgument: it is missing or too long.
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
