"""Schema of the Google provider, as far as our module uses it, from a wheel of generated Python classes.

The provider says what its resources take only when it runs. The package cdktf-cdktf-provider-google has the
same in classes: `StorageBucketConfig` takes the arguments of google_storage_bucket, and an argument without a
default is required. They are read, not imported.

pip download --no-deps cdktf-cdktf-provider-google
python tests/support/provider_schema.py *.whl    # writes infra/schema/google.json
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INFRA = Path(__file__).parents[2] / "infra"
TARGET = INFRA / "schema" / "google.json"
MODULES = INFRA / "modules"

PACKAGE = "cdktf_cdktf_provider_google"
PREFIX = "google_"
_META_ARGUMENTS = "TerraformMetaArguments"
"""Base of a class that has the arguments of a whole resource, and Terraform's own: count, for_each."""

_BLOCK = re.compile(r"^(resource|data) \"(google_\w+)\"", re.MULTILINE)
_VERSION = re.compile(r"providers/hashicorp/google/([\d.]+)/docs")
_SIMPLE = {"builtins.str": "string", "builtins.bool": "bool", "jsii.Number": "number"}


@dataclass(frozen=True)
class Wheel:
    """Wheel of the package.

    Attributes:
        archive: the open file.
    """

    archive: zipfile.ZipFile

    @property
    def version(self) -> str:
        """Version of the package, from its metadata."""
        (name,) = (name for name in self.archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = self.archive.read(name).decode().splitlines()
        return next(line.removeprefix("Version: ") for line in lines if line.startswith("Version: "))

    def source(self, kind: str, resource: str) -> str:
        """Return the Python source of a resource or a data source.

        Args:
            kind: `resource` or `data`.
            resource: its type, google_storage_bucket for instance.
        """
        module = ("data_" + resource) if kind == "data" else resource.removeprefix(PREFIX)
        return self.archive.read(f"{PACKAGE}/{module}/__init__.py").decode()


class Resource:
    """Classes of one resource's module.

    Args:
        source: the module's text.
    """

    def __init__(self, source: str) -> None:
        nodes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
        self._classes = {node.name: node for node in nodes}
        self._config = next(
            node for node in nodes if any(_META_ARGUMENTS in ast.unparse(base) for base in node.bases)
        )
        self.computed = next(
            _readable(node) for node in nodes if any(_is_resource(ast.unparse(base)) for base in node.bases)
        )

    def schema(self) -> dict[str, Any]:
        """Return the resource's arguments and blocks, and the names of what it has once it exists."""
        config = self._block(self._config)
        given = {*config["arguments"], *config["blocks"]}
        return {**config, "computed": sorted(set(self.computed) - given - set(_meta(self._config)))}

    def _block(self, node: ast.ClassDef) -> dict[str, Any]:
        skipped = _meta(node) if node is self._config else set()
        block: dict[str, Any] = {"arguments": {}, "blocks": {}}
        for name, required, annotation in _parameters(node):
            if name in skipped:
                continue
            inner = next((one for one in re.findall(r"\w+", annotation) if one in self._classes), None)
            if inner is None:
                block["arguments"][name] = {"type": _type(annotation), "required": required}
            else:
                nested = self._block(self._classes[inner])
                block["blocks"][name] = {
                    "many": "typing.Sequence[" in annotation,
                    "required": required,
                    **nested,
                }
        return block


def used_resources(folder: Path = MODULES) -> list[tuple[str, str]]:
    """Return the kinds and types of the resources and data sources in the modules' files."""
    found = {match.groups() for file in folder.rglob("*.tf") for match in _BLOCK.finditer(file.read_text())}
    return sorted((kind, name) for kind, name in found)


def extract(wheel: Wheel) -> dict[str, Any]:
    """Return the schema of everything that the modules use, and where it is from."""
    result: dict[str, Any] = {"package": f"cdktf-cdktf-provider-google {wheel.version}", "provider": ""}
    result |= {"resource": {}, "data": {}}
    for kind, name in used_resources():
        source = wheel.source(kind, name)
        found = _VERSION.search(source)
        result["provider"] = found.group(1) if found else result["provider"]
        result[kind][name] = Resource(source).schema()
    return result


def _parameters(node: ast.ClassDef) -> Iterator[tuple[str, bool, str]]:
    """Yield each argument of a class: its name, whether it is required, and its annotation."""
    (init,) = (one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__")
    for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True):
        annotation = ast.unparse(argument.annotation) if argument.annotation else ""
        yield argument.arg, default is None, annotation


def _meta(node: ast.ClassDef) -> set[str]:
    """Return the arguments of a resource's class that are Terraform's own."""
    own = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}
    return {name for name, _, _ in _parameters(node) if name in own}


def _readable(node: ast.ClassDef) -> list[str]:
    """Return the properties of a resource, without the forms of them that only Python has."""
    properties = {
        one.name: ast.unparse(one.returns)
        for one in node.body
        if isinstance(one, ast.FunctionDef) and one.returns and one.decorator_list
        if ast.unparse(one.decorator_list[0]) == "builtins.property"
    }
    texts = (name for name, returned in properties.items() if _type(returned) == "string")
    return [name for name in texts if not name.endswith("_input")]


def _is_resource(base: str) -> bool:
    """Return True for the base of a resource's or a data source's class."""
    return base.endswith(("TerraformResource", "TerraformDataSource"))


def _type(annotation: str) -> str:
    """Return Terraform's type of a Python one."""
    if "typing.Mapping[" in annotation:
        return "map"
    found = next((name for python, name in _SIMPLE.items() if python in annotation), "any")
    return f"list({found})" if "typing.Sequence[" in annotation or "typing.List[" in annotation else found


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the schema; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="provider_schema.py", description="the provider's schema from a wheel"
    )
    parser.add_argument("wheel", type=Path)
    with zipfile.ZipFile(parser.parse_args(arguments).wheel) as archive:
        schema = extract(Wheel(archive))
    TARGET.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
