import json

import pytest

from emulator.iam.accounts import COMPUTE_DEFAULT, Accounts, AccountsFileError

FILE = """
[accounts.perennial-airflow]
title = "Airflow"
roles = ["starter", "reader"]
acts_as = ["perennial-jobs"]

[accounts.perennial-jobs]
roles = ["reader"]

[accounts.perennial-worker]
impersonates = ["perennial-airflow"]

[roles.starter.permissions]
"aiplatform.customJobs.create" = "train"

[roles.reader.permissions]
"storage.objects.get" = "records"
"""


def accounts(folder, text=None, uri="http://localhost:1/token"):
    file = None
    if text is not None:
        file = folder / "permissions.toml"
        file.write_text(text)
    return Accounts(folder / "keys", project="p", token_uri=uri, file=file)


def email(name):
    return f"{name}@p.iam.gserviceaccount.com"


def test_account_holds_what_its_roles_hold(tmp_path):
    found = accounts(tmp_path, FILE)
    airflow, jobs = found.get(email("perennial-airflow")), found.get(email("perennial-jobs"))
    assert airflow.permissions == {"aiplatform.customJobs.create", "storage.objects.get"}
    assert not jobs.holds("aiplatform.customJobs.create", "projects/p")
    assert airflow.holds("iam.serviceAccounts.actAs", jobs.email)
    assert not airflow.holds("iam.serviceAccounts.actAs", airflow.email)


def test_tokens_of_others_are_for_those_who_impersonate_them(tmp_path):
    found = accounts(tmp_path, FILE)
    worker = found.get(email("perennial-worker"))
    assert worker.holds("iam.serviceAccounts.getAccessToken", email("perennial-airflow"))
    assert not worker.holds("iam.serviceAccounts.getAccessToken", email("perennial-jobs"))
    # As roles/owner, which lacks roles/iam.serviceAccountTokenCreator.
    owner = found.get(email("owner"))
    assert owner.holds("storage.buckets.delete", "b")
    assert not owner.holds("iam.serviceAccounts.getAccessToken", email("perennial-airflow"))


def test_work_that_names_no_account_may_do_nothing_once_there_is_a_file(tmp_path):
    assert not accounts(tmp_path, FILE).get(COMPUTE_DEFAULT).holds("storage.objects.get", "o")
    assert accounts(tmp_path).get(COMPUTE_DEFAULT).holds("storage.objects.get", "o")


def test_key_files_keep_their_keys_and_learn_the_new_address(tmp_path):
    first = accounts(tmp_path, FILE).key(email("perennial-jobs"))
    second = accounts(tmp_path, FILE, "http://localhost:2/token").key(email("perennial-jobs"))
    assert first["private_key"] == second["private_key"]
    assert second["token_uri"] == "http://localhost:2/token"
    assert json.loads((tmp_path / "keys" / "perennial-jobs.json").read_text()) == second
    assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "keys").iterdir())


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("accounts = 1", "accounts: "),
        ("[accounts.jobs]", "accounts.jobs: "),
        ("[accounts.perennial-jobs]\nrole = []", "accounts.perennial-jobs: "),
        ('[accounts.perennial-jobs]\nroles = ["none"]', "accounts.perennial-jobs.roles: "),
        ('[accounts.perennial-jobs]\nroles = "none"', "accounts.perennial-jobs.roles: "),
        ('[accounts.perennial-jobs]\nacts_as = ["other"]', "accounts.perennial-jobs.acts_as: "),
        ("[roles]\nx = 1", "roles.x: "),
        ("not toml", "permissions.toml: "),
    ],
)
def test_file_with_a_mistake_is_refused_by_name(tmp_path, text, named):
    with pytest.raises(AccountsFileError, match="expected") as raised:
        accounts(tmp_path, text)
    assert named in str(raised.value)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(AccountsFileError, match=r"gone\.toml: expected"):
        Accounts(tmp_path, project="p", token_uri="", file=tmp_path / "gone.toml")
