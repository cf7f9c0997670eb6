"""Stand-in for Terraform's Google provider: it has the provider's schema, and creates nothing.

Terraform finds it by TF_REATTACH_PROVIDERS, and neither fetches nor starts a provider. What a resource has
only once it exists is made up: `GoogleProvider.made_up` says from what. The protocol is plugin protocol 5:
https://github.com/hashicorp/terraform/tree/main/docs/plugin-protocol
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import msgpack
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ADDRESS = "registry.terraform.io/hashicorp/google"
NUMBER = "123456789012"
"""Number of every project."""

UNKNOWN = msgpack.ExtType(0, b"\0")

_FIELD = descriptor_pb2.FieldDescriptorProto
_PRIMITIVES = {
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
    "int64": _FIELD.TYPE_INT64,
    "bool": _FIELD.TYPE_BOOL,
}
_VALUE = {"msgpack": "1 bytes"}
_CHANGE = {"type_name": "1 string", "prior_state": "2 Value", "config": "4 Value"}
_MESSAGES: dict[str, dict[str, str]] = {
    "Value": _VALUE,
    "RawState": {"json": "1 bytes"},
    "Diagnostic": {"severity": "1 int64", "summary": "2 string", "detail": "3 string"},
    "Attribute": {
        "name": "1 string", "type": "2 bytes", "required": "4 bool", "optional": "5 bool",
        "computed": "6 bool",
    },
    "Nested": {"type_name": "1 string", "block": "2 Block", "nesting": "3 int64", "min_items": "4 int64",
               "max_items": "5 int64"},
    "Block": {"version": "1 int64", "attributes": "2 *Attribute", "block_types": "3 *Nested"},
    "Schema": {"version": "1 int64", "block": "2 Block"},
    "Entry": {"key": "1 string", "value": "2 Schema"},  # of a map
    "Nothing": {},
    "Schemas": {"provider": "1 Schema", "resource_schemas": "2 *Entry", "data_source_schemas": "3 *Entry"},
    "Config": {"config": "1 Value"},
    "TypedConfig": {"type_name": "1 string", "config": "2 Value"},
    "Old": {"type_name": "1 string", "raw_state": "3 RawState"},
    "Current": {"type_name": "1 string", "current_state": "2 Value"},
    "State": {"state": "1 Value", "diagnostics": "2 *Diagnostic"},
    "Plan": {**_CHANGE, "proposed_new_state": "3 Value"},
    "Planned": {"planned_state": "1 Value"},
    "Apply": {**_CHANGE, "planned_state": "3 Value"},
}  # fmt: skip
_METHODS = {
    "GetSchema": "Nothing",
    "PrepareProviderConfig": "Config",
    "ValidateResourceTypeConfig": "TypedConfig",
    "ValidateDataSourceConfig": "TypedConfig",
    "Configure": "TypedConfig",
    "UpgradeResourceState": "Old",
    "ReadResource": "Current",
    "PlanResourceChange": "Plan",
    "ApplyResourceChange": "Apply",
    "ReadDataSource": "TypedConfig",
    "Stop": "Nothing",
}
_LIST, _SINGLE_OR_NONE = 2, 1


def _messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="tfplugin5.proto", package="tfplugin5", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, text in fields.items():
            number, kind = text.split()
            repeated, kind = kind.startswith("*"), kind.lstrip("*")
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            one = message.field.add(name=field, number=int(number), label=label)
            if kind in _PRIMITIVES:
                one.type = _PRIMITIVES[kind]
            else:
                one.type, one.type_name = _FIELD.TYPE_MESSAGE, f".tfplugin5.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tfplugin5.{name}"))
        for name in _MESSAGES
    }


M = _messages()


class GoogleProvider:
    """The provider's side of the protocol.

    Args:
        schema: of `infra/schema/google.json`.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    def handle(self, method: str, request: Any) -> Any:
        """Return the answer to a call."""
        if method == "GetSchema":
            return self._schemas()
        if method in {"PrepareProviderConfig", "ReadResource", "UpgradeResourceState"}:
            return M["State"](state=_given(method, request))
        if method == "PlanResourceChange":
            return M["Planned"](planned_state=self._plan(request))
        if method in {"ApplyResourceChange", "ReadDataSource"}:
            return M["State"](state=self._create(method, request))
        return M["Nothing"]()

    def made_up(self, kind: str, name: str, state: Mapping[str, Any]) -> str:
        """Return what an argument has that only Google knows.

        Args:
            kind: type of the resource.
            name: of the argument.
            state: the resource's other arguments.
        """
        project, account = state.get("project"), state.get("account_id")
        email = f"{account}@{project}.iam.gserviceaccount.com"
        known = {
            ("google_service_account", "email"): email,
            ("google_service_account", "member"): f"serviceAccount:{email}",
            ("google_service_account", "name"): f"projects/{project}/serviceAccounts/{email}",
            ("google_project_iam_custom_role", "name"): f"projects/{project}/roles/{state.get('role_id')}",
            ("google_artifact_registry_repository", "name"): str(state.get("repository_id")),
            ("google_project", "number"): NUMBER,
        }
        return known.get((kind, name), f"{kind}.{name}")

    def _schemas(self) -> Any:
        answer = M["Schemas"](provider=M["Schema"](block=_block(_PROVIDER, ())))
        for kind, field in (("resource", "resource_schemas"), ("data", "data_source_schemas")):
            for name, fields in self._schema[kind].items():
                block = _block(fields, ["id", *fields["computed"]])
                getattr(answer, field).append(M["Entry"](key=name, value=M["Schema"](block=block)))
        return answer

    def _plan(self, request: Any) -> Any:
        state, prior = _decoded(request.proposed_new_state), _decoded(request.prior_state)
        if state is not None and prior is None:
            for name in self._unset("resource", request.type_name, state):
                state[name] = UNKNOWN
        return _encoded(state)

    def _create(self, method: str, request: Any) -> Any:
        is_data = method == "ReadDataSource"
        state = _decoded(request.config if is_data else request.planned_state)
        if state is not None:
            kind = request.type_name
            for name in self._unset("data" if is_data else "resource", kind, state):
                state[name] = self.made_up(kind, name, state)
        return _encoded(state)

    def _unset(self, kind: str, name: str, state: Mapping[str, Any]) -> list[str]:
        """Return the names of what a resource has only once it exists, and has not yet."""
        computed = ["id", *self._schema[kind][name]["computed"]]
        return [one for one in computed if state.get(one) is None or state[one] == UNKNOWN]


_PROVIDER: dict[str, Any] = {
    "arguments": {
        name: {"type": "bool" if name == "user_project_override" else "string", "required": False}
        for name in ("project", "region", "billing_project", "user_project_override")
    },
    "blocks": {},
}


def _given(method: str, request: Any) -> Any:
    if method == "UpgradeResourceState":
        return _encoded(json.loads(request.raw_state.json))
    return request.config if method == "PrepareProviderConfig" else request.current_state


def _decoded(value: Any) -> Any:
    return msgpack.unpackb(value.msgpack, ext_hook=lambda *_: UNKNOWN, strict_map_key=False)


def _encoded(state: Any) -> Any:
    return M["Value"](msgpack=msgpack.packb(state))


def _block(fields: Mapping[str, Any], computed: Any) -> Any:
    block = M["Block"]()
    for name, one in fields["arguments"].items():
        if name in computed:
            continue
        kind, required = _type(one["type"]), one["required"]
        block.attributes.add(name=name, type=kind, required=required, optional=not required)
    for name in computed:
        block.attributes.add(name=name, type=b'"string"', computed=True)
    for name, one in fields["blocks"].items():
        most = 0 if one["many"] else 1
        least = 1 if one["required"] else 0
        block.block_types.add(
            type_name=name, block=_block(one, ()), nesting=_LIST, min_items=least, max_items=most
        )
    return block


def _type(text: str) -> bytes:
    simple = {"map": ["map", "string"], "any": "dynamic"}
    inner = text.removeprefix("list(").removesuffix(")")
    kind = ["list", inner] if text.startswith("list(") else simple.get(text, text)
    return json.dumps(kind).encode()


@contextmanager
def running(provider: GoogleProvider) -> Iterator[dict[str, str]]:
    """Serve a provider; give the environment with which Terraform finds it."""

    def behaviour(method: str) -> Callable[[Any, Any], Any]:
        return lambda request, _: provider.handle(method, request)

    handlers = {
        method: grpc.unary_unary_rpc_method_handler(
            behaviour(method),
            request_deserializer=M[request].FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )
        for method, request in _METHODS.items()
    }
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("tfplugin5.Provider", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    place = {"Network": "tcp", "String": f"127.0.0.1:{port}"}
    plugin = {"Protocol": "grpc", "ProtocolVersion": 5, "Pid": os.getpid(), "Test": True, "Addr": place}
    try:
        yield {"TF_REATTACH_PROVIDERS": json.dumps({ADDRESS: plugin})}
    finally:
        server.stop(None).wait()
