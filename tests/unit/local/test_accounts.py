"""Granted and used accounts."""

from __future__ import annotations

import json
from pathlib import Path

from local import accounts
from local.paths import StackPaths


def log(paths: StackPaths, *entries: tuple[str, str, bool]) -> None:
    paths.create()
    lines = [
        json.dumps(
            {
                "protoPayload": {
                    "authenticationInfo": {"principalEmail": f"{account}@p.iam.gserviceaccount.com"},
                    "authorizationInfo": [{"permission": permission, "granted": granted}],
                }
            }
        )
        for account, permission, granted in entries
    ]
    (paths.emulator / "audit.jsonl").write_text("\n".join([*lines, '{"protoPay']))


def test_unused_rights_are_those_of_accounts_that_did_something_else(tmp_path: Path) -> None:
    paths = StackPaths.at(tmp_path)
    log(paths, ("perennial-serving", "storage.objects.get", True), ("owner", "storage.buckets.list", False))
    unused, lacking = accounts.differences(paths)
    assert [(right.account, right.permission) for right in unused] == [
        ("perennial-serving", "storage.objects.list"),
        ("perennial-serving", "storage.buckets.get"),
    ]
    assert lacking == []


def test_permission_that_an_account_lacked_is_told(tmp_path: Path) -> None:
    paths = StackPaths.at(tmp_path)
    log(paths, ("perennial-jobs", "aiplatform.models.upload", False))
    _, (lacking,) = accounts.differences(paths)
    assert (lacking.account, lacking.permission) == ("perennial-jobs", "aiplatform.models.upload")


def test_document_for_the_cloud_shows_every_right() -> None:
    document = (Path(__file__).parents[3] / "docs" / "cloud.md").read_text()
    assert accounts.markdown(accounts.granted()) in document, "Run: perennial rights --markdown"


def test_every_right_has_a_reason() -> None:
    assert [right for right in accounts.granted() if not right.reason] == []


def test_rights_in_json_hold_every_account_and_permission() -> None:
    document = json.loads(accounts.as_json())
    assert document["accounts"]["perennial-airflow"]["roles"][:2] == ["perennialData", "perennialStaging"]
    assert {name for role in document["roles"].values() for name in role["permissions"]} == {
        right.permission for right in accounts.granted() if right.role
    }
