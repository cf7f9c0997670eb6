"""Terraform's files against the provider's schema, without Terraform."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
import pytest

from local import accounts
from retraining import preflight

INFRA = Path(__file__).parents[3] / "infra"
MODULE = INFRA / "modules" / "perennial"
ENVIRONMENTS = ("dev", "prod")
FILES = sorted(INFRA.rglob("*.tf"))
SCHEMA: dict[str, Any] = json.loads((INFRA / "schema" / "google.json").read_text())
OF_TERRAFORM = {"count", "for_each", "depends_on", "provider", "lifecycle"}
"""Arguments that every resource takes."""


@cache
def parsed(file: Path) -> dict[str, Any]:
    """Return a file's blocks, without the parser's notes, and names without their quotes."""
    with file.open() as stream:
        return bare(hcl2.load(stream))  # type: ignore[no-any-return]


def bare(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            name.strip('"'): bare(value)
            for name, value in node.items()
            if not (name.startswith("__") and name.endswith("__"))
        }
    if isinstance(node, list):
        return [bare(one) for one in node]
    return node.strip('"') if isinstance(node, str) else node


def blocks(folder: Path, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the blocks of a kind with one label, `variable` for instance: label and content."""
    for file in sorted(folder.glob("*.tf")):
        for block in parsed(file).get(kind, []):
            yield from block.items()


def resources() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Return kind, type, name and content of each resource and data source."""
    return [
        (kind, type_, name, content)
        for kind in ("resource", "data")
        for type_, named in blocks(MODULE, kind)
        for name, content in named.items()
    ]


every_resource = pytest.mark.parametrize(
    ("kind", "type_", "content"),
    [(kind, type_, content) for kind, type_, _, content in resources()],
    ids=[f"{type_}.{name}" for _, type_, name, _ in resources()],
)


def faults(where: str, content: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the schema doesn't know, and what it requires and isn't there."""
    dynamic = [(name, one) for block in content.get("dynamic", []) for name, one in block.items()]
    plain = {name: value for name, value in content.items() if name != "dynamic"}
    given = {*plain, *(name for name, _ in dynamic)}
    for name in given - schema["arguments"].keys() - schema["blocks"].keys():
        yield f"{where}.{name} does not exist"
    for name, one in {**schema["arguments"], **schema["blocks"]}.items():
        if one["required"] and name not in given:
            yield f"{where}.{name} is missing"
    for name, inner in schema["blocks"].items():
        found = plain.get(name, [])
        if not isinstance(found, list):
            yield f"{where}.{name} is a block"
            continue
        if len(found) > 1 and not inner["many"]:
            yield f"{where}.{name} can be there once"
        contents = [*found, *(body for key, one in dynamic if key == name for body in one["content"])]
        for one in contents:
            yield from faults(f"{where}.{name}", one, inner)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(INFRA)))
def test_file_parses_and_is_not_empty(file: Path) -> None:
    assert parsed(file)


@every_resource
def test_resource_has_what_the_schema_requires_and_nothing_else(
    kind: str, type_: str, content: dict[str, Any]
) -> None:
    own = {name: value for name, value in content.items() if name not in OF_TERRAFORM}
    assert list(faults(type_, own, SCHEMA[kind][type_])) == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"location": "EU"}, "google_storage_bucket.name is missing"),
        ({"name": "b", "location": "EU", "colour": "red"}, "google_storage_bucket.colour does not exist"),
        (
            {"name": "b", "location": "EU", "versioning": [{}]},
            "google_storage_bucket.versioning.enabled is missing",
        ),
        (
            {"name": "b", "location": "EU", "dynamic": [{"encryption": {"content": [{"key": "k"}]}}]},
            "google_storage_bucket.encryption.key does not exist",
        ),
        ({"name": "b", "location": "EU", "versioning": True}, "google_storage_bucket.versioning is a block"),
        (
            {"name": "b", "location": "EU", "versioning": [{"enabled": True}, {"enabled": True}]},
            "google_storage_bucket.versioning can be there once",
        ),
    ],
)
def test_fault_is_found(content: dict[str, Any], fault: str) -> None:
    found = faults("google_storage_bucket", content, SCHEMA["resource"]["google_storage_bucket"])
    assert fault in list(found)


def test_schema_holds_the_types_that_the_module_uses_and_says_where_it_is_from() -> None:
    used = {(kind, type_) for kind, type_, _, _ in resources()}
    assert used == {(kind, type_) for kind in ("resource", "data") for type_ in SCHEMA[kind]}
    assert re.fullmatch(r"cdktf-cdktf-provider-google \d+\.\d+\.\d+", SCHEMA["package"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", SCHEMA["provider"])


@pytest.mark.parametrize("folder", [MODULE, *(INFRA / "envs" / name for name in ENVIRONMENTS)])
def test_variables_and_outputs_are_described_and_variables_have_a_type(folder: Path) -> None:
    variables, outputs = dict(blocks(folder, "variable")), dict(blocks(folder, "output"))
    assert all(one["type"] and one["description"] for one in variables.values())
    assert all(one["description"] for one in outputs.values())
    assert {"environment", "infrastructure_file"} <= outputs.keys()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment_leaves_its_state_to_the_command_and_gives_variables_of_the_module(name: str) -> None:
    folder = INFRA / "envs" / name
    (settings,) = (one for file in folder.glob("*.tf") for one in parsed(file)["terraform"])
    assert settings["backend"] == [{"gcs": {}}]
    ((_, module),) = blocks(folder, "module")
    assert (folder / module["source"]).resolve() == MODULE
    variables = dict(blocks(MODULE, "variable"))
    assert module.keys() - {"source"} <= variables.keys()
    assert {key for key, one in variables.items() if "default" not in one} <= module.keys()


def test_terraform_reads_exactly_what_permissions_toml_says() -> None:
    source, made = INFRA / "permissions.toml", MODULE / "permissions.json"
    assert json.loads(made.read_text()) == tomllib.loads(source.read_text()), "Run: perennial rights --json"
    assert made.read_text() == accounts.as_json(source)


def test_apis_are_those_that_preflight_asks_for_and_the_budgets() -> None:
    (names,) = re.findall(r"apis = toset\(\[(.*?)\]\)", (MODULE / "apis.tf").read_text(), re.DOTALL)
    apis = {f"{name}.googleapis.com" for name in re.findall(r'"(\w+)"', names)}
    assert apis == {*preflight.APIS, "billingbudgets.googleapis.com"}


def test_every_variable_and_local_of_the_module_is_used() -> None:
    text = "".join(file.read_text() for file in MODULE.glob("*.tf"))
    for name, _ in blocks(MODULE, "variable"):
        uses = re.findall(rf"\bvar\.{name}\b", re.sub(r'(?s)variable "\w+" \{.*?\n\}\n', "", text))
        assert uses, name
    for file in MODULE.glob("*.tf"):
        for local in parsed(file).get("locals", []):
            for name in local:
                assert re.search(rf"\blocal\.{name}\b", text), name


def test_document_names_every_type_of_resource() -> None:
    document = (INFRA / "README.md").read_text()
    assert {f"`{type_}`" for kind, type_, _, _ in resources() if kind == "resource"} <= set(
        re.findall(r"`google_\w+`", document)
    )
    assert set(re.findall(r"`(google_\w+)`", document)) <= set(SCHEMA["resource"])
