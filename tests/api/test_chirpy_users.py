"""chirpy_users.md, example by example, and what contracts/README.md decides where it is silent."""
from __future__ import annotations

import re

import pytest

from tests.api.conftest import NEW_PASSWORD, Script, claims, every_engine, named, row
from tests.conftest import PASSWORD, again
from webadmin.accounts import policies, sessions, users
from webadmin.accounts.actors import COMMAND_LINE

FIVE = ["email", "id", "token", "refresh_token", "is_chirpy_red"]
EVE = {"email": "eve@example.com", "password": NEW_PASSWORD}
BAD_TOKEN = {"error": "Missing or invalid token"}


@every_engine
def test_every_documented_request_has_its_documented_answer(script: Script, ada, engine):
    made = script.call("POST", "/api/users", body=EVE, status=201).json
    assert list(made) == FIVE and made["email"] == "eve@example.com" and made["is_chirpy_red"] is False
    assert re.fullmatch("[A-Za-z0-9_-]{43}", made["refresh_token"])
    logged_in = script.call("POST", "/api/login", body=EVE, status=200).json
    assert list(logged_in) == FIVE and logged_in["id"] == made["id"] == named("eve@example.com").id
    for token in (made["token"], logged_in["token"]):
        answer = script.call("PUT", "/api/users", bearer=token, body={"email": "eva@example.com"}, status=200)
        assert answer.json == {"email": "eva@example.com", "id": made["id"], "is_chirpy_red": False}
    for token in (made["refresh_token"], logged_in["refresh_token"]):
        fresh = script.call("POST", "/api/refresh", bearer=token, status=200).json
        assert list(fresh) == ["token"]
        script.call("PUT", "/api/users", bearer=fresh["token"], body={"email": "eve@example.com"}, status=200)
        assert script.call("POST", "/api/revoke", bearer=token, status=204).data == b""
        assert script.call("POST", "/api/revoke", bearer=token, status=401).json == BAD_TOKEN
        assert script.call("POST", "/api/refresh", bearer=token, status=401).json == BAD_TOKEN
        script.call("PUT", "/api/users", bearer=fresh["token"], body={"email": "eve@example.com"}, status=401)


def test_claims_say_nothing_of_the_person_and_last_an_hour(script: Script, ada):
    found = claims(script.chirpy("ada")["token"])
    assert set(found) == {"iss", "aud", "sub", "type", "jti", "iat", "nbf", "exp", "sid"}
    assert (found["aud"], found["type"], found["exp"] - found["iat"]) == ("chirpy", "access", 3600)


def test_each_login_has_a_refresh_token_of_its_own(script: Script, ada):
    first, second = script.chirpy("ada"), script.chirpy("ada@example.com")
    script.call("POST", "/api/revoke", bearer=first["refresh_token"], status=204)
    script.call("POST", "/api/refresh", bearer=second["refresh_token"], status=200)


def test_update_takes_either_field_or_both(script: Script, person, ada):
    eve = person("eve@example.com")
    token = script.chirpy("eve@example.com")["token"]
    before = row(eve)
    script.call("PUT", "/api/users", bearer=token, body={"email": "Eva@Example.com"}, status=200)
    after = row(eve)
    assert after["username"] == after["email"] == "Eva@example.com" and after["password_hash"] == before["password_hash"]
    script.call("PUT", "/api/users", bearer=token, body={"password": NEW_PASSWORD}, status=200)
    assert row(eve)["email"] == after["email"] and row(eve)["password_hash"] != after["password_hash"]
    script.call("PUT", "/api/users", bearer=token, body={"email": "eve@example.com", "password": PASSWORD}, status=200)
    script.chirpy("eve@example.com")


@pytest.mark.parametrize("body", [{}, {"name": "x"}, {"email": None}, {"email": 5}, {"password": []}, {"email": ""}, {"password": ""},
                                  {"email": "x"}, {"email": "a@b@c"}, {"email": "eve@example.com", "password": "short"},
                                  {"password": "password"}, {"email": "x@example.com", "password": ""}, b"", b"[]"])
def test_an_update_that_is_not_allowed_changes_nothing(script: Script, ada, body):
    token, before = script.chirpy("ada")["token"], row(ada)
    script.call("PUT", "/api/users", bearer=token, body=body, status=400)
    assert {**row(ada), "last_signed_in_at": 0} == {**before, "last_signed_in_at": 0}


def test_a_taken_address_is_a_409(script: Script, ada, bob, by_ada):
    token = script.chirpy("ada")["token"]
    for email in ("bob@example.com", "BOB@Example.com"):
        script.call("POST", "/api/users", body={**EVE, "email": email}, status=409)
        script.call("PUT", "/api/users", bearer=token, body={"email": email}, status=409)
    users.delete(bob, by=by_ada)
    script.call("POST", "/api/users", body={**EVE, "email": "bob@example.com"}, status=409)


def test_a_password_change_ends_all_but_the_token_that_asked(script: Script, bob, ada):
    asking, other, v1 = script.chirpy("bob"), script.chirpy("bob"), script.v1("bob")
    key = sessions.start(again(bob), by=COMMAND_LINE, user_agent="")
    script.call("PUT", "/api/users", bearer=asking["token"], body={"password": NEW_PASSWORD}, status=200)
    script.call("PUT", "/api/users", bearer=asking["token"], body={"email": "bob2@example.com"}, status=200)
    script.call("POST", "/api/refresh", bearer=asking["refresh_token"], status=200)
    script.call("POST", "/api/refresh", bearer=other["refresh_token"], status=401)
    script.call("PUT", "/api/users", bearer=other["token"], body={"email": "bob3@example.com"}, status=401)
    script.call("GET", "/api/v1/users", bearer=v1["access_token"], status=401)
    assert sessions.resume(key) is None


def test_create_takes_an_e_mail_address_and_a_password_by_the_rules(script: Script, ada):
    for body in ({"email": "eve"}, {"email": ""}, {"email": "a@b@c"}, {"password": "short"}, {"password": "eve12345"}, {"email": None},
                 {"email": "x" * 250 + "@example.com"}):
        script.call("POST", "/api/users", body={**EVE, **body}, status=400)
    assert named("eve@example.com") is None
    assert script.call("POST", "/api/users", body={**EVE, "email": ""}, status=400).json == {"error": "email must not be empty."}


def test_closed_sign_up_is_a_403(script: Script, ada):
    policies.change({"registration": "no"}, by=COMMAND_LINE)
    assert script.call("POST", "/api/users", body=EVE, status=403).json == {"error": "Sign up is closed"}
    script.call("POST", "/api/users", body={"email": "x"}, status=400)      # the body comes first


def test_unknown_address_and_wrong_password_are_alike(script: Script, ada):
    for body in (
        {"email": "ada@example.com", "password": "x"},
        {"email": "no@example.com", "password": PASSWORD},
        {"email": "", "password": ""},
    ):
        assert script.call("POST", "/api/login", body=body, status=401).json == {"error": "Incorrect email or password"}


def test_an_account_without_an_address_has_a_null(script: Script, person, ada):
    person("eve")
    answer = script.chirpy("eve")
    assert answer["email"] is None
    assert script.call("PUT", "/api/users", bearer=answer["token"], body={"password": NEW_PASSWORD}, status=200).json["email"] is None


def test_chirpy_red_is_shown_and_never_set(script: Script, person, ada):
    eve = person("eve@example.com", is_chirpy_red=True)
    answer = script.chirpy("eve@example.com")
    assert answer["is_chirpy_red"] is True
    script.call("PUT", "/api/users", bearer=answer["token"], body={"email": "e@example.com", "is_chirpy_red": False}, status=200)
    assert again(eve).is_chirpy_red is True


def test_every_bad_token_has_one_answer(script: Script, ada):
    pair, v1 = script.chirpy("ada"), script.v1("ada")
    for method, path, good in (
        ("PUT", "/api/users", "token"),
        ("POST", "/api/refresh", "refresh_token"),
        ("POST", "/api/revoke", "refresh_token"),
    ):
        others = [value for name, value in pair.items() if name in ("token", "refresh_token") and name != good]
        for token in (None, "", "x", "x" * 9000, *others, v1["access_token"], v1["refresh_token"], script.cookie("ada")):
            assert script.call(method, path, bearer=token, body={"email": "ada@example.com"}, status=401).json == BAD_TOKEN
