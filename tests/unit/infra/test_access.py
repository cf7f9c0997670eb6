"""Permissions that Terraform reads, and the script that makes them."""

from __future__ import annotations

import importlib.util
import json
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

INFRA = Path(__file__).parents[3] / "infra"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(name).stem, INFRA / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


access = script("access.py")
extract = script("schema/extract.py")


def test_terraform_reads_exactly_what_permissions_toml_says() -> None:
    read: dict[str, Any] = json.loads((INFRA / "modules/perennial/permissions.json").read_text())
    assert read == tomllib.loads((INFRA / "permissions.toml").read_text())
    assert access.main(["--check"]) == 0


def test_check_finds_a_file_that_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(access, "TARGET", tmp_path / "permissions.json")
    assert access.main(["--check"]) == 1
    assert access.main([]) == 0
    assert access.main(["--check"]) == 0
    (tmp_path / "permissions.json").write_text("{}")
    assert access.main(["--check"]) == 1
    assert "python infra/access.py" in capsys.readouterr().err


SOURCE = '''
class Thing(_cdktf.TerraformResource):
    @builtins.property
    def url(self) -> builtins.str: ...
    @builtins.property
    def name(self) -> builtins.str: ...
    @builtins.property
    def name_input(self) -> typing.Optional[builtins.str]: ...

class ThingRule:
    def __init__(self, *, count: jsii.Number, prefixes: typing.Optional[typing.Sequence[builtins.str]] = None): ...

class ThingConfig(_cdktf.TerraformMetaArguments):
    def __init__(
        self, *, count: typing.Optional[jsii.Number] = None, name: builtins.str,
        labels: typing.Optional[typing.Mapping[builtins.str, builtins.str]] = None,
        rule: typing.Optional[typing.Union[X, typing.Sequence[typing.Union["ThingRule", typing.Dict[str, X]]]]] = None,
    ): ...
'''  # fmt: skip # noqa: E501


def test_schema_of_a_resource_has_arguments_blocks_and_what_is_computed() -> None:
    assert extract.Resource(SOURCE).schema() == {
        "arguments": {
            "name": {"type": "string", "required": True},
            "labels": {"type": "map", "required": False},
        },
        "blocks": {
            "rule": {
                "many": True,
                "required": False,
                "arguments": {
                    "count": {"type": "number", "required": True},
                    "prefixes": {"type": "list(string)", "required": False},
                },
                "blocks": {},
            }
        },
        "computed": ["url"],
    }


def test_schema_comes_from_a_wheel_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "main.tf").write_text('resource "google_thing" "one" {\n}\ndata "google_thing" "two" {\n}\n')
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as wheel:
        wheel.writestr("x-1.2.dist-info/METADATA", "Name: x\nVersion: 1.2\n")
        text = SOURCE + "\n# providers/hashicorp/google/6.5.0/docs\n"
        wheel.writestr("cdktf_cdktf_provider_google/thing/__init__.py", text)
        data = text.replace("TerraformResource", "TerraformDataSource")
        wheel.writestr("cdktf_cdktf_provider_google/data_google_thing/__init__.py", data)
    monkeypatch.setattr(extract, "TARGET", tmp_path / "google.json")
    used = [("data", "google_thing"), ("resource", "google_thing")]
    assert extract.used_resources(tmp_path) == used
    monkeypatch.setattr(extract, "used_resources", lambda: used)
    assert extract.main([str(tmp_path / "x.whl")]) == 0
    written = json.loads((tmp_path / "google.json").read_text())
    assert written["package"] == "cdktf-cdktf-provider-google 1.2"
    assert written["provider"] == "6.5.0"
    assert written["data"]["google_thing"] == written["resource"]["google_thing"]
