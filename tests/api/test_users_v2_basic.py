"""users_v2_basic.md, example by example, and what contracts/README.md decides where it is silent."""
from __future__ import annotations

import re

import pytest

from tests.api.conftest import NEW_PASSWORD, Script, basic, every_engine, named, row
from tests.conftest import BROWSER, PASSWORD, again
from webadmin.accounts import passwords, policies, sessions, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account, Login

BCRYPT = re.compile(r"\$2b\$\d\d\$[./A-Za-z0-9]{53}")
USER = "/api/v2/users"
TOKEN = "a-token-of-more-than-20-letters"
REFUSED, MISSING, UNREADABLE = {"access_allowed": False}, {"user_exists": False}, {"missing_parameters": True}


@every_engine
def test_every_documented_request_has_its_documented_answer(script: Script, ada, engine):
    made = script.call("POST", f"{USER}/test123", as_="ada", body={"password": NEW_PASSWORD, "token": TOKEN}, status=200).json
    assert list(made) == ["user_name", "password", "token"] and made["user_name"] == "test123"
    assert BCRYPT.fullmatch(made["password"]) and BCRYPT.fullmatch(made["token"]) and made["password"] != made["token"]
    assert script.call("POST", f"{USER}/test123", as_="ada", body={"password": NEW_PASSWORD}, status=403).json == {"user_exists": True}
    assert script.call("GET", USER, as_="ada", status=200).json == {"users": ["ada", "test123"]}
    assert script.call("GET", f"{USER}/test123", as_="ada", status=200).json == made
    changed = script.call("PUT", f"{USER}/test123/update", as_="ada", body={"password": PASSWORD, "token": TOKEN + "2"}, status=200).json
    assert list(changed) == ["_id", "user_name", "password", "token"]
    assert re.fullmatch("[0-9a-f]{24}", changed["_id"]["$oid"]) and list(changed["_id"]) == ["$oid"]
    assert changed["password"] != made["password"] and changed["token"] != made["token"]
    fresh = script.call("POST", f"{USER}/test123/refresh", as_="ada", body={}, status=200).json
    assert list(fresh) == ["token"] and re.fullmatch("[A-Za-z0-9_-]{43}", fresh["token"])
    assert script.call("GET", f"{USER}/test123", bearer=fresh["token"], status=200).json["user_name"] == "test123"
    script.call("GET", f"{USER}/test123", bearer=TOKEN + "2", status=401)      # the old one is dead
    assert script.call("DELETE", f"{USER}/test123", as_="ada", status=200).json == {}
    assert script.call("DELETE", f"{USER}/test123", as_="ada", status=403).json == MISSING


def test_the_hashes_are_those_that_the_store_keeps_and_bcrypt_can_check_them(script: Script, ada):
    made = script.call("POST", f"{USER}/test123", as_="ada", body={"password": NEW_PASSWORD, "token": "short"}).json
    found = named("test123")
    assert found is not None and (made["password"], made["token"]) == (found.password_hash, found.token_hash)
    assert passwords.matches(NEW_PASSWORD, made["password"], "bcrypt") and passwords.matches("short", made["token"], "bcrypt")


@pytest.mark.parametrize("given", [{}, {"password": NEW_PASSWORD}, {"token": TOKEN}])
def test_what_is_missing_at_create_is_made_at_random(script: Script, ada, given):
    made = script.call("POST", f"{USER}/test123", as_="ada", body=given, status=200).json
    assert BCRYPT.fullmatch(made["password"]) and BCRYPT.fullmatch(made["token"])
    script.call("GET", f"{USER}/test123", as_="test123", password=NEW_PASSWORD, status=200 if "password" in given else 401)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", {"password": None}, {"password": 1}, {"token": None}, {"token": ["x"]}])
def test_an_unreadable_body_is_missing_parameters(script: Script, ada, bob, body):
    for method, path in (("POST", f"{USER}/eve"), ("PUT", f"{USER}/bob/update"), ("PATCH", f"{USER}/bob/update")):
        assert script.call(method, path, as_="ada", body=body, status=400).json == UNREADABLE
    assert named("eve") is None


def test_broken_rules_name_their_field(script: Script, ada, bob):
    before = row(bob)
    for method, path in (("POST", f"{USER}/eve"), ("PUT", f"{USER}/bob/update")):
        for body, name in (
            ({"password": "short"}, "password"),
            ({"password": "password"}, "password"),
            ({"password": "x" * 129}, "password"),
            ({"token": ""}, "token"),
            ({"token": "x" * 1025}, "token"),
        ):
            answer = script.call(method, path, as_="ada", body=body, status=400).json
            assert list(answer) == ["invalid_parameters"] and list(answer["invalid_parameters"]) == [name]
    for name in ("аdmin", "a b", "a%00b", "a%0Ab", "%E2%80%8Bx", "ev%40", "x" * 256):
        assert list(script.call("POST", f"{USER}/{name}", as_="ada", body={}, status=400).json["invalid_parameters"]) == ["user_name"]
    assert row(bob) == before


def test_an_existing_name_is_said_before_the_body_is_judged(script: Script, ada, bob):
    for name in ("bob", "BOB", "bob@example.com"):
        assert script.call("POST", f"{USER}/{name}", as_="ada", body=b"{", status=403).json == {"user_exists": True}
    users.delete(bob, by=BROWSER.as_account(ada))
    assert script.call("POST", f"{USER}/bob", as_="ada", body={}, status=403).json == {"user_exists": True}


def test_update_changes_what_is_given_by_put_and_patch(script: Script, ada, bob):
    for method in ("PUT", "PATCH"):
        before = row(bob)
        script.call(method, f"{USER}/bob/update", as_="ada", body={"token": TOKEN + method}, status=200)
        middle = row(bob)
        assert middle["password_hash"] == before["password_hash"] and middle["token_hash"] != before["token_hash"]
        script.call(method, f"{USER}/bob/update", as_="ada", body={"password": NEW_PASSWORD + method}, status=200)
        assert row(bob)["token_hash"] == middle["token_hash"] and row(bob)["password_hash"] != middle["password_hash"]
        assert script.call(method, f"{USER}/bob/update", as_="ada", body={}, status=400).json == UNREADABLE
        assert script.call(method, f"{USER}/bob/update", as_="ada", body={"role": 2}, status=400).json == UNREADABLE


@pytest.mark.parametrize("name", ["nobody", "deleted", "%FF", "a%00b", "x" * 300, "..."])
def test_a_missing_user_is_a_403(script: Script, ada, person, name):
    users.delete(person("deleted"), by=BROWSER.as_account(ada))
    for method, path in (("GET", name), ("PUT", f"{name}/update"), ("POST", f"{name}/refresh"), ("DELETE", name)):
        assert script.call(method, f"{USER}/{path}", as_="ada", body={"token": TOKEN}, status=403).json == MISSING


def test_an_ordinary_account_may_read_update_and_refresh_itself_and_nothing_else(script: Script, ada, bob, carol):
    for name in ("bob", "BOB", "bob%40example.com"):
        assert script.call("GET", f"{USER}/{name}", as_="bob", status=200).json["user_name"] == "bob"
    script.call("PUT", f"{USER}/bob/update", as_="bob", body={"token": TOKEN}, status=200)
    script.call("POST", f"{USER}/bob/refresh", as_="bob", status=200)
    before = [row(each) for each in (ada, bob, carol)]
    for name in ("carol", "nobody", "ada"):
        for method, path in (("GET", name), ("PUT", f"{name}/update"), ("PATCH", f"{name}/update"), ("POST", f"{name}/refresh"),
                             ("DELETE", name), ("POST", name)):
            assert script.call(method, f"{USER}/{path}", as_="bob", body={"password": NEW_PASSWORD}, status=403).json == REFUSED
    assert script.call("GET", USER, as_="bob", status=403).json == REFUSED
    assert script.call("DELETE", f"{USER}/bob", as_="bob", status=403).json == REFUSED
    assert [row(each) for each in (ada, bob, carol)] == before


def test_refresh_takes_no_body_an_object_or_a_400(script: Script, ada):
    for body in (..., b"", {}, {"token": 5}):
        assert len(script.call("POST", f"{USER}/ada/refresh", as_="ada", body=body, status=200).json["token"]) == 43
    for body in (b"[]", b"{", b"null"):
        assert script.call("POST", f"{USER}/ada/refresh", as_="ada", body=body, status=400).json == UNREADABLE


def test_the_last_administrator_stays(script: Script, ada):
    assert script.call("DELETE", f"{USER}/ada", as_="ada", status=403).json == {"last_administrator": True}
    assert again(ada).deleted_at is None


def test_an_api_token_opens_bearer_but_does_not_change_its_owners_password(script: Script, ada, bob):
    token = script.call("POST", f"{USER}/ada/refresh", as_="ada", status=200).json["token"]
    assert script.call("GET", USER, bearer=token, status=200).json == {"users": ["ada", "bob"]}
    assert script.call("PUT", f"{USER}/ada/update", bearer=token, body={"password": NEW_PASSWORD}, status=403).json == REFUSED
    assert (
        script.call("PUT", f"{USER}/ada/update", bearer=token, body={"password": NEW_PASSWORD, "token": TOKEN}, status=403).json == REFUSED
    )
    script.call("GET", USER, as_="ada", status=200)
    script.call("PUT", f"{USER}/bob/update", bearer=token, body={"password": NEW_PASSWORD}, status=200)
    new = script.call("POST", f"{USER}/ada/refresh", bearer=token, status=200).json["token"]
    script.call("GET", USER, bearer=token, status=401)
    script.call("PUT", f"{USER}/ada/update", bearer=new, body={"token": TOKEN}, status=200)
    script.call("GET", USER, bearer=TOKEN, status=200)


def test_a_token_chosen_by_a_client_opens_bearer_only_if_long_and_its_own(script: Script, ada, bob):
    for token, status in (("x" * 19, 401), ("y" * 20, 200), ("z" * 1024, 200), ("a.b.c-with-twenty-letters", 200)):
        script.call("PUT", f"{USER}/ada/update", as_="ada", body={"token": token}, status=200)
        script.call("GET", USER, bearer=token, status=status)
        script.call("GET", f"/user?token={token}", status=status)
    same = "a.b.c-with-twenty-letters"
    assert BCRYPT.fullmatch(script.call("PUT", f"{USER}/bob/update", as_="ada", body={"token": same}, status=200).json["token"])
    assert script.call("GET", USER, bearer=same, status=200).json["users"] == ["ada", "bob"]      # still ada's
    script.call("POST", f"{USER}/eve", as_="ada", body={"token": same}, status=200)
    script.call("GET", f"{USER}/eve", bearer=same, status=200)                                    # as ada, who may
    assert named("eve").token_digest is None and again(bob).token_digest is None


def test_a_password_change_ends_everything_but_the_api_token(script: Script, ada, bob):
    token = script.call("POST", f"{USER}/bob/refresh", as_="bob").json["token"]
    access, key = script.v1("bob")["access_token"], sessions.start(again(bob), by=BROWSER.as_account(bob), user_agent="")
    script.call("PUT", f"{USER}/bob/update", as_="bob", body={"password": NEW_PASSWORD}, status=200)
    script.call("GET", f"{USER}/bob", as_="bob", status=401)
    script.call("GET", f"{USER}/bob", as_="bob", password=NEW_PASSWORD, status=200)
    script.call("GET", f"{USER}/bob", bearer=token, status=200)
    script.call("GET", "/api/v1/users", bearer=access, status=401)
    assert sessions.resume(key) is None and not Login.select().where(Login.account_id == bob.id).exists()


BAD_HEADERS = ["Basic", "Basic ", "Basic !!!", "Basic YWRh", "Basic YWRhOg", "Basic /////w==", "Basic é", "Basic Og==", "Basic OmE=",
               "Basic \x80", "Digest x", "Bearer", "Bearer ", "x", "Basic " + "A" * 9000]


@pytest.mark.parametrize("given", BAD_HEADERS)
def test_an_undecodable_header_is_a_401(script: Script, ada, given):
    answer = script.call("GET", USER, headers={"Authorization": given}, status=401)
    assert answer.json == {"authenticated": False}
    assert answer.headers["WWW-Authenticate"] == ('Bearer realm="webadmin"' if given.startswith("Bearer") else 'Basic realm="webadmin"')


def test_the_challenge_is_that_of_the_scheme_that_came(script: Script, ada):
    assert script.call("GET", USER, status=401).headers["WWW-Authenticate"] == 'Basic realm="webadmin"'
    assert script.call("GET", USER, as_="ada", password="no", status=401).headers["WWW-Authenticate"] == 'Basic realm="webadmin"'
    assert script.call("GET", USER, bearer="no", status=401).headers["WWW-Authenticate"] == 'Bearer realm="webadmin", error="invalid_token"'


def test_scheme_names_have_no_case_and_a_password_may_hold_colons(script: Script, person):
    person("eve", password="a:b:c and more", role=2, email="eve@example.com")
    for scheme in ("Basic", "BASIC", "basic"):
        for name in ("eve", "EVE", "eve@example.com"):
            given = basic(name, "a:b:c and more").replace("Basic", scheme)
            script.call("GET", USER, headers={"Authorization": given}, status=200)


def test_a_name_with_an_at_is_the_e_mail_address_too(script: Script, ada):
    script.call("POST", f"{USER}/eve%40example.com", as_="ada", body={"password": NEW_PASSWORD}, status=200)
    assert (named("eve@example.com").username, named("eve@example.com").email) == ("eve@example.com", "eve@example.com")


def test_hashes_can_be_masked(script: Script, ada):
    policies.change({"mask_hashes": "yes"}, by=COMMAND_LINE)
    mask = "$2b$12$" + "." * 53
    for method, path, body in (("POST", "eve", {}), ("GET", "eve", ...), ("PUT", "eve/update", {"token": TOKEN})):
        answer = script.call(method, f"{USER}/{path}", as_="ada", body=body, status=200).json
        assert (answer["password"], answer["token"]) == (mask, mask)


def test_an_account_without_a_secret_shows_the_mask(script: Script, ada):
    shown = script.call("GET", f"{USER}/ada", as_="ada").json
    assert shown["token"] == "$2b$12$" + "." * 53 and BCRYPT.fullmatch(shown["password"])
    Account.update(password_hash=None, password_scheme=None).where(Account.id == ada.id).execute()
    assert script.call("GET", f"{USER}/ada", as_="ada", status=401)


def test_a_slash_in_a_name_or_at_the_end_is_a_404(script: Script, ada):
    for path in (f"{USER}/", f"{USER}/ada/", f"{USER}/a%2Fb", f"{USER}/ada/update/", f"{USER}/ada/x", "/api/v2/", "/api/v2/x"):
        assert script.call("GET", path, as_="ada", status=404).json == {"not_found": True}
