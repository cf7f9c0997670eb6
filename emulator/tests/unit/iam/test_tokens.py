import time

import pytest
from google.auth import crypt, jwt
from google.oauth2 import service_account

from emulator.errors import Unauthenticated
from emulator.iam.accounts import Accounts
from emulator.iam.tokens import Tokens

OWNER = "owner@p.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def accounts(tmp_path_factory):
    return Accounts(tmp_path_factory.mktemp("keys"), project="p", token_uri="http://localhost:1/token")


@pytest.fixture
def tokens(tmp_path):
    return Tokens(tmp_path / "secret")


def test_token_stands_for_its_account_also_after_a_restart(tmp_path, tokens, accounts):
    token = tokens.issue(OWNER)
    assert tokens.verify(token, accounts) == OWNER
    assert Tokens(tmp_path / "secret").verify(token, accounts) == OWNER
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0


def test_token_of_another_issuer_is_refused(tmp_path, tokens, accounts):
    with pytest.raises(Unauthenticated, match="not issued here"):
        tokens.verify(Tokens(tmp_path / "other").issue(OWNER), accounts)


@pytest.mark.parametrize("token", ["", "local", "ya29.", "ya29.x", "ya29.e30.00", "a.b.c", "ya29.\xe4.\xe4"])
def test_token_that_is_none_is_refused(tokens, accounts, token):
    with pytest.raises(Unauthenticated):
        tokens.verify(token, accounts)


def test_token_is_over_after_its_time(tokens, accounts):
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.verify(tokens.issue(OWNER, seconds=-60), accounts)


def signed(accounts, **claims):
    """A token that the owner signed itself."""
    now = int(time.time())
    signer = crypt.RSASigner.from_service_account_info(accounts.key(OWNER))
    content = {"iss": OWNER, "sub": OWNER, "iat": now, "exp": now + 600, **claims}
    return jwt.encode(signer, content).decode()


def test_token_that_an_account_signed_itself_stands_for_it(tokens, accounts):
    for claims in ({"aud": "https://aiplatform.googleapis.com/"}, {"scope": "a b"}):
        assert tokens.verify(signed(accounts, **claims), accounts) == OWNER
    key = service_account.Credentials.from_service_account_info(accounts.key(OWNER))
    key._create_self_signed_jwt("https://storage.googleapis.com/")
    key._jwt_credentials.refresh(None)
    assert tokens.verify(key._jwt_credentials.token.decode(), accounts) == OWNER


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.example/"},
        {},
        {"scope": "a", "exp": int(time.time()) - 60},
        {"scope": "a", "iss": "nobody@p.iam.gserviceaccount.com"},
        {"scope": "a", "iss": "1-compute@developer.gserviceaccount.com"},
        {"scope": "a", "iss": 7},
    ],
)
def test_token_that_an_account_signed_with_other_claims_is_refused(tokens, accounts, claims):
    with pytest.raises(Unauthenticated):
        tokens.verify(signed(accounts, **claims), accounts)
