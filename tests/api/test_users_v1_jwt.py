"""users_v1_jwt.md, example by example, and what contracts/README.md decides where it is silent."""
from __future__ import annotations

import pytest

from tests.api.conftest import NEW_PASSWORD, Script, all_rows, basic, claims, every_engine, header, named, row
from tests.conftest import BROWSER, PASSWORD
from webadmin.accounts import policies, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account, Role

JOSE = {"user_name": "Jose", "login": "thecaasantos", "password": "slc89slo", "user_role": 1}
V1 = "/api/v1"
NO_USER = {"msg": "There is no such user."}


@every_engine
def test_every_documented_request_has_its_documented_answer(script: Script, ada, engine):
    made = script.call("POST", f"{V1}/register", body=JOSE, status=201).json
    jose = named("thecaasantos")
    shown = {"id_user": jose.id, "user_name": "Jose", "login": "thecaasantos", "user_role": 1}
    assert made == {"User": shown} and list(made["User"]) == list(shown)
    pair = script.call("POST", f"{V1}/login", body={"login": "thecaasantos", "password": "slc89slo"}, status=200).json
    assert list(pair) == ["access_token", "refresh_token"]
    fresh = script.call("POST", f"{V1}/refresh", bearer=pair["refresh_token"], status=200).json
    assert list(fresh) == ["access_token"] and fresh["access_token"] != pair["access_token"]
    assert script.call("GET", f"{V1}/users", bearer=fresh["access_token"], status=200).json == {"Users": [shown]}
    assert script.call("GET", f"{V1}/users/{jose.id}", bearer=pair["access_token"], status=200).json == {"User": shown}
    assert script.call("DELETE", f"{V1}/logout", bearer=pair["access_token"], status=200).json == {"msg": "Access token revoked"}
    assert script.call("GET", f"{V1}/users", bearer=pair["access_token"], status=401).json == {"msg": "Token has been revoked"}
    script.call("GET", f"{V1}/users", bearer=fresh["access_token"], status=200)
    ended = script.call("DELETE", f"{V1}/logout2", bearer=fresh["access_token"], status=200)
    assert ended.json == {"msg": "Access and refresh tokens revoked"}
    script.call("GET", f"{V1}/users", bearer=fresh["access_token"], status=401)
    script.call("POST", f"{V1}/refresh", bearer=pair["refresh_token"], status=401)


def test_claims_are_those_of_the_document_without_its_password(script: Script, bob, ada):
    pair = script.v1("bob")
    usual = {"iss", "aud", "sub", "type", "jti", "iat", "nbf", "exp", "sid", "fresh", "id_user", "user_name", "login", "user_role"}
    for kind, seconds in (("access", 1800), ("refresh", 2_592_000)):
        found = claims(pair[f"{kind}_token"])
        assert set(found) == usual and header(pair[f"{kind}_token"])["alg"] == "HS512"
        assert (found["iss"], found["aud"], found["sub"], found["type"], found["fresh"]) == ("webadmin", "v1", str(bob.id), kind, False)
        assert (found["id_user"], found["user_name"], found["login"], found["user_role"]) == (bob.id, "Bob Li", "bob", 1)
        assert found["exp"] - found["iat"] == seconds and found["nbf"] == found["iat"]
    assert claims(pair["access_token"])["sid"] == claims(pair["refresh_token"])["sid"]


def test_the_refresh_token_stays_good(script: Script, ada):
    pair = script.v1("ada")
    for _ in range(3):
        script.call("POST", f"{V1}/refresh", bearer=pair["refresh_token"], status=200)


def test_logout_ends_one_token_and_logout2_a_login_but_not_another(script: Script, ada):
    first, second = script.v1("ada"), script.v1("ada")
    script.call("DELETE", f"{V1}/logout", bearer=first["access_token"], status=200)
    script.call("DELETE", f"{V1}/logout", bearer=first["access_token"], status=401)
    script.call("POST", f"{V1}/refresh", bearer=first["refresh_token"], status=200)
    script.call("DELETE", f"{V1}/logout2", bearer=first["refresh_token"], status=200)
    script.call("POST", f"{V1}/refresh", bearer=first["refresh_token"], status=401)
    script.call("GET", f"{V1}/users", bearer=second["access_token"], status=200)


@pytest.mark.parametrize(("role", "status"), [(1, 201), (..., 201), (2, 403), ("2", 400), (True, 400), ([2], 400), (2.0, 400), (1.0, 400),
                                              (-1, 400), (0, 400), (3, 400), (None, 400), ({}, 400)])
def test_nobody_makes_themselves_an_administrator(script: Script, ada, bob, role, status):
    bearer = script.v1("bob")["access_token"]
    for credential, login in ((None, "eve"), (bearer, "eve2")):
        body = {"login": login, "password": NEW_PASSWORD, **({} if role is ... else {"user_role": role})}
        script.call("POST", f"{V1}/register", bearer=credential, body=body, status=status)
    assert (
        script.call(
            "POST", f"{V1}/register", body=b'{"login":"x1","password":"' + NEW_PASSWORD.encode() + b'","user_role":2e0}'
        ).status_code
        == 400
    )
    assert Account.select().where(Account.role == Role.ADMINISTRATOR).count() == 1


def test_an_administrator_registers_administrators(script: Script, admin):
    made = script.call("POST", f"{V1}/register", body={**JOSE, "user_role": 2}, status=201, **admin).json
    assert made["User"]["user_role"] == 2
    refused = script.call("POST", f"{V1}/register", body={**JOSE, "login": "x", "user_role": 2}, status=403)
    assert refused.json == {"msg": "Only administrators may register administrators."}


def test_a_bad_credential_at_register_is_not_passed_over(script: Script, ada):
    for given, status in (("Bearer", 401), ("Bearer x", 422), ("Basic YTpi", 401), (basic("ada", PASSWORD), 401)):
        script.call("POST", f"{V1}/register", headers={"Authorization": given}, body=JOSE, status=status)
    assert named(str(JOSE["login"])) is None


def test_a_taken_login_is_a_409(script: Script, ada, bob):
    for login in ("bob", "BOB", " bob ", "bob@example.com"):
        script.call("POST", f"{V1}/register", body={**JOSE, "login": login}, status=409)
    users.delete(bob, by=BROWSER.as_account(ada))
    script.call("POST", f"{V1}/register", body={**JOSE, "login": "bob"}, status=409)


def test_register_ignores_an_id_and_takes_the_login_as_name(script: Script, ada):
    body = {"login": "eve@example.com", "password": NEW_PASSWORD, "user_name": "", "id_user": 1, "id": 1, "active": False}
    made = script.call("POST", f"{V1}/register", body=body, status=201).json["User"]
    assert made["id_user"] != 1 and made["user_name"] == made["login"] == "eve@example.com"
    assert named("eve@example.com").email == "eve@example.com"


def test_closed_registration_is_for_administrators(script: Script, admin, bob):
    bearer = script.v1("bob")["access_token"]
    policies.change({"registration": "no"}, by=COMMAND_LINE)
    for credential in (None, bearer):
        answer = script.call("POST", f"{V1}/register", bearer=credential, body={**JOSE, "user_role": 2}, status=403)
        assert answer.json == {"msg": "Registration is closed."}
    script.call("POST", f"{V1}/register", body=b"{", status=400)
    script.call("POST", f"{V1}/register", body=JOSE, status=201, **admin)


def test_broken_rules_are_a_400(script: Script, ada):
    before = all_rows()
    for change in (
        {"password": "short"},
        {"password": "password"},
        {"login": ""},
        {"login": "a b"},
        {"login": "а"},
        {"login": "x" * 256},
        {"user_name": "x" * 256},
        {"user_name": "a\0b"},
        {"user_name": "a\u202eb"},
        {"password": "thecaasantos1"},
        {"login": "."},
    ):
        script.call("POST", f"{V1}/register", body={**JOSE, **change}, status=400)
    for missing in ("login", "password"):
        script.call("POST", f"{V1}/register", body={name: value for name, value in JOSE.items() if name != missing}, status=400)
    assert all_rows() == before


def test_unknown_login_and_wrong_password_are_alike(script: Script, ada):
    for body in ({"login": "ada", "password": "x"}, {"login": "nobody", "password": PASSWORD}, {"login": "ada", "password": "x" * 500},
                 {"login": "", "password": ""}, {"login": "a\0b", "password": "a\0b"}):
        answer = script.call("POST", f"{V1}/login", body=body, status=401)
        assert answer.json == {"msg": "Incorrect login or password"} and answer.headers["WWW-Authenticate"] == 'Bearer realm="webadmin"'


def test_login_takes_username_or_e_mail_in_any_case(script: Script, ada):
    for name in ("ada", "ADA", "ada@example.com", " Ada@Example.com "):
        script.v1(name)


def test_an_administrator_sees_all_an_ordinary_account_itself(script: Script, admin, bob, carol):
    deleted = users.delete(carol, by=COMMAND_LINE)
    own = script.v1("bob")["access_token"]
    everyone = script.call("GET", f"{V1}/users", status=200, **admin).json["Users"]
    assert [each["login"] for each in everyone] == ["ada", "bob"]
    assert [each["login"] for each in script.call("GET", f"{V1}/users", bearer=own, status=200).json["Users"]] == ["bob"]
    script.call("GET", f"{V1}/users/{bob.id}", bearer=own, status=200)
    first = script.call("GET", f"{V1}/users/{everyone[0]['id_user']}", bearer=own, status=404)
    assert first.json == script.call("GET", f"{V1}/users/999", bearer=own, status=404).json == NO_USER
    assert script.call("GET", f"{V1}/users/{deleted.id}", status=404, **admin).json == NO_USER
    assert script.call("GET", f"{V1}/users/999", status=404, **admin).json == NO_USER


def test_the_directory_can_be_open_to_all(script: Script, ada, bob):
    policies.change({"registration": "no", "directory": "yes"}, by=COMMAND_LINE)
    own = script.v1("bob")["access_token"]
    assert len(script.call("GET", f"{V1}/users", bearer=own, status=200).json["Users"]) == 2
    script.call("GET", f"{V1}/users/{ada.id}", bearer=own, status=200)
    script.call("POST", f"{V1}/register", bearer=own, body={**JOSE, "user_role": 2}, status=403)


def test_disabled_accounts_are_listed_and_cannot_sign_in(script: Script, admin, bob, by_ada):
    users.disable(bob, by=by_ada)
    assert [each["login"] for each in script.call("GET", f"{V1}/users", status=200, **admin).json["Users"]] == ["ada", "bob"]
    script.call("POST", f"{V1}/login", body={"login": "bob", "password": PASSWORD}, status=401)


def test_the_body_of_refresh_and_logout_is_not_read(script: Script, ada):
    pair = script.v1("ada")
    script.call("POST", f"{V1}/refresh", bearer=pair["refresh_token"], body=b"{", status=200)
    script.call("DELETE", f"{V1}/logout", bearer=pair["access_token"], body=b"\xff", status=200)


def test_errors_have_their_sentences(script: Script, ada):
    pair = script.v1("ada")
    for token, path, method, status, sentence in (
            (None, "users", "GET", 401, "Missing Authorization Header"), ("x", "users", "GET", 422, "Not a JSON Web Token"),
            (pair["refresh_token"], "users", "GET", 422, "Only access tokens are allowed"),
            (pair["access_token"], "refresh", "POST", 422, "Only refresh tokens are allowed"),
            (script.cookie("ada"), "users", "GET", 422, "This token is for another contract"),
            (pair["access_token"][:-4] + "AAAA", "users", "GET", 401, "Signature verification failed")):
        assert script.call(method, f"{V1}/{path}", bearer=token, status=status).json == {"msg": sentence}


def test_an_e_mail_address_becomes_the_accounts_own(script: Script, ada):
    script.call("POST", f"{V1}/register", body={**JOSE, "login": "j@example.com"}, status=201)
    assert row(named("j@example.com"))["email"] == "j@example.com"
