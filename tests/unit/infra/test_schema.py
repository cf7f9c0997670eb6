"""Script that makes the schema of Terraform's Google provider."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

import provider_schema

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
    assert provider_schema.Resource(SOURCE).schema() == {
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
    monkeypatch.setattr(provider_schema, "TARGET", tmp_path / "google.json")
    used = [("data", "google_thing"), ("resource", "google_thing")]
    assert provider_schema.used_resources(tmp_path) == used
    monkeypatch.setattr(provider_schema, "used_resources", lambda: used)
    assert provider_schema.main([str(tmp_path / "x.whl")]) == 0
    written = json.loads((tmp_path / "google.json").read_text())
    assert written["package"] == "cdktf-cdktf-provider-google 1.2"
    assert written["provider"] == "6.5.0"
    assert written["data"]["google_thing"] == written["resource"]["google_thing"]
