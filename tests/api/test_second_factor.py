"""An account with a second factor at the contracts: the password alone opens none, and nobody is told why."""
from __future__ import annotations

import pytest

from tests.api.conftest import Script, basic, claims, every_engine
from tests.api.test_gate import SIGN_INS, sign_in
from tests.conftest import BROWSER, PASSWORD
from tests.phone import Phone
from webadmin.accounts import policies, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account, Change
from webadmin.accounts.second_factors import factors, totp


def add_app(account: Account) -> Phone:
    nonce = totp.new_nonce()
    phone = Phone(totp.secret(account, nonce))
    phone.codes = factors.add_app(account, nonce, phone.code(), by=BROWSER.as_account(account))
    return phone


@pytest.fixture
def phone(ada, bob, clock) -> Phone:
    made = add_app(bob)
    clock(seconds=60)
    return made


@every_engine
def test_the_password_alone_opens_no_contract_and_looks_like_a_wrong_one(script: Script, phone, engine):
    for door in SIGN_INS:
        wrong, alone = sign_in(script, door, "bob", "wrong"), sign_in(script, door, "bob", PASSWORD)
        assert wrong.status_code == alone.status_code == 401 and wrong.data == alone.data
        assert [pair for pair in wrong.headers if pair[0] != "X-Request-Id"] == [pair for pair in alone.headers if pair[0] != "X-Request-Id"]


@pytest.mark.parametrize("door", ["v1", "chirpy", "cookie"])
def test_the_password_followed_by_the_code_signs_in_once(script: Script, phone, door, bob):
    typed = f"{PASSWORD}{phone.code()}"
    body = sign_in(script, door, "bob", typed).json
    token = body.get("token") or body["access_token"]
    assert claims(token)["sub"] == str(bob.id)
    assert sign_in(script, door, "bob", typed).status_code == 401
    assert sign_in(script, door, "bob", f"{PASSWORD}{phone.codes[0]}").status_code == 401, "recovery codes are for people"


def test_basic_is_refused_and_the_api_token_opens(script: Script, phone, bob, api_token):
    for typed in (PASSWORD, f"{PASSWORD}{phone.code()}"):
        answer = script.call("GET", "/api/v2/users/bob", headers={"Authorization": basic("bob", typed)}, status=401)
        assert answer.json == {"authenticated": False}
    assert script.call("GET", "/api/v2/users/bob", bearer=api_token(bob), status=200).json["user_name"] == "bob"


def test_adding_a_factor_ends_what_the_password_alone_had_opened(script: Script, ada, bob):
    script.call("GET", "/api/v2/users/bob", as_="bob", status=200)      # remembered for five minutes
    pair, chirpy, cookie = script.v1("bob"), script.chirpy("bob"), script.cookie("bob")
    add_app(bob)
    script.call("GET", "/api/v2/users/bob", as_="bob", status=401)
    script.call("POST", "/api/v1/refresh", bearer=pair["refresh_token"], status=401)
    script.call("POST", "/api/refresh", bearer=chirpy["refresh_token"], status=401)
    script.call("PATCH", "/api/v1/user/updatePassword", bearer=cookie, body={"current": PASSWORD, "password": "x" * 9, "confirm": "x" * 9}, status=401)


def test_the_current_password_is_enough_where_a_token_is_held(script: Script, phone, bob):
    token = sign_in(script, "cookie", "bob", f"{PASSWORD}{phone.code()}").json["token"]
    new = "a quite new password"
    script.call("PATCH", "/api/v1/user/updatePassword", bearer=token, body={"current": PASSWORD, "password": new, "confirm": new}, status=200)
    assert sign_in(script, "v1", "bob", f"{new}{phone.code(1)}").status_code == 200


def test_wrong_codes_wait_as_wrong_passwords_do(script: Script, phone):
    for _ in range(10):
        assert sign_in(script, "v1", "bob", f"{PASSWORD}{phone.wrong()}").status_code == 401
    for door in SIGN_INS:
        assert sign_in(script, door, "bob", f"{PASSWORD}{phone.code()}").status_code == 429


def test_the_log_tells_an_administrator_that_somebody_knows_the_password(script: Script, phone, bob):
    sign_in(script, "v1", "bob", PASSWORD)
    entry = Change.select().order_by(Change.id.desc()).first()
    assert (entry.kind, entry.group, entry.account_id, entry.door) == ("no-second-factor", "refused", bob.id, "API v1")


def test_where_the_policy_asks_an_administrators_password_opens_no_contract(script: Script, ada, bob):
    script.call("GET", "/api/v2/users/ada", as_="ada", status=200)
    policies.change({"second_factor": "administrators"}, by=COMMAND_LINE)
    for door in SIGN_INS:
        assert sign_in(script, door, "ada", PASSWORD).status_code == 401
        assert sign_in(script, door, "bob", PASSWORD).status_code == 200


def test_a_reset_lets_the_password_open_again(script: Script, phone, bob):
    factors.reset(users.find(bob.id), by=COMMAND_LINE)
    for door in SIGN_INS:
        assert sign_in(script, door, "bob", PASSWORD).status_code == 200
