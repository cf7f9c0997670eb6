"""Codec between messages and JSON, by Google's mapping.

https://protobuf.dev/programming-guides/json/ and https://google.aip.dev/127 for what a query may hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import proto
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from emulator.errors import InvalidArgument
from emulator.json_bodies import UNPARSABLE, parse_object

_SYSTEM_PARAMETERS = frozenset(
    {"alt", "access_token", "callback", "fields", "key", "prettyPrint", "quotaUser", "upload_protocol"}
)
_FIELD_MASK = "google.protobuf.FieldMask"
_UNDERSCORE = re.compile("_([a-z])")
_INTEGER_ENUMS = "enum-encoding=int"


def to_protobuf(message: Any) -> Any:
    """Return the protobuf message behind a proto-plus one; any other as it is."""
    return type(message).pb(message) if isinstance(message, proto.Message) else message


def to_document(message: Any) -> dict[str, Any]:
    """Return a message as JSON values: field names in camel case, enums by name."""
    document: dict[str, Any] = json_format.MessageToDict(to_protobuf(message))
    return document


def from_document(message_type: Any, document: Mapping[str, Any]) -> Any:
    """Return the message that `to_document` wrote."""
    return _wrap(message_type, json_format.ParseDict(dict(document), _empty(message_type)))


def copy_message(message: Any) -> Any:
    """Return a copy of a message."""
    protobuf = to_protobuf(message)
    copied = type(protobuf)()
    copied.CopyFrom(protobuf)
    return _wrap(type(message), copied)


def to_json(message: Any, *, integer_enums: bool) -> str:
    """Return the body of a response."""
    return json_format.MessageToJson(to_protobuf(message), use_integers_for_enums=integer_enums, indent=None)


def wants_integer_enums(query: Iterable[tuple[str, str]]) -> bool:
    """Return True if the client asked for enums as numbers, as Google's libraries do."""
    return any(name == "$alt" and _INTEGER_ENUMS in value for name, value in query)


def read_request(
    message_type: Any,
    *,
    fields: Mapping[str, str],
    query: Iterable[tuple[str, str]],
    body_field: str,
    body: bytes,
) -> Any:
    """Parse an HTTP request into its message.

    Args:
        message_type: the request's message class.
        fields: the path's variables: `{"endpoint.name": "projects/..."}`.
        query: the query's parameters, decoded.
        body_field: the field that the body holds: `*` for the whole request, empty for none.
        body: the HTTP body.

    Raises:
        InvalidArgument: a field is unknown or has a value of the wrong type.
    """
    message = _empty(message_type)
    document: dict[str, Any] = {}
    for name, value in query:
        if name not in _SYSTEM_PARAMETERS and not name.startswith("$"):
            _put_parameter(document, message.DESCRIPTOR, name, value)
    if body_field:
        content = parse_object(body)
        if body_field == "*":
            document.update(content)
        else:
            document[body_field] = content
    for name, value in fields.items():
        *parents, last = name.split(".")
        inner = document
        for parent in parents:
            inner = _nested(inner, parent)
        inner[last] = value
    try:
        json_format.ParseDict(document, message)
    except UNPARSABLE as error:
        raise InvalidArgument(f"Invalid JSON payload received. {error}") from error
    return _wrap(message_type, message)


def _empty(message_type: Any) -> Any:
    return message_type.pb()() if issubclass(message_type, proto.Message) else message_type()


def _wrap(message_type: Any, message: Any) -> Any:
    return message_type.wrap(message) if issubclass(message_type, proto.Message) else message


def _put_parameter(document: dict[str, Any], descriptor: Descriptor, name: str, value: str) -> None:
    *parents, last = name.split(".")
    inner = document
    message: Descriptor | None = descriptor
    for parent in parents:
        inner = _nested(inner, parent)
        message = _field(message, parent, name).message_type
    field = _field(message, last, name)
    converted: Any = value
    if field.type == FieldDescriptor.TYPE_BOOL:
        converted = value == "true"
    elif field.message_type is not None and field.message_type.full_name == _FIELD_MASK:
        # gcloud sends the names of the proto, Google's libraries those of JSON; the parser knows the latter.
        converted = _UNDERSCORE.sub(lambda found: found[1].upper(), value)
    if field.is_repeated:
        repeated = inner.setdefault(last, [])
        if not isinstance(repeated, list):
            raise InvalidArgument(f"Invalid JSON payload received. {last}: expected a list")
        repeated.append(converted)
    else:
        inner[last] = converted


def _nested(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the object of this name in another one, made if it isn't there."""
    inner = document.setdefault(name, {})
    if not isinstance(inner, dict):
        raise InvalidArgument(
            f"Invalid JSON payload received. {name}: expected an object, received {inner!r}"
        )
    return inner


def _field(descriptor: Descriptor | None, name: str, parameter: str) -> FieldDescriptor:
    for field in descriptor.fields if descriptor is not None else ():
        if name in (field.name, field.json_name):
            return field
    raise InvalidArgument(
        f'Invalid JSON payload received. Unknown name "{parameter}": Cannot bind query parameter.'
    )
