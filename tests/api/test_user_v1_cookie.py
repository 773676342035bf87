"""user_v1_cookie.md, example by example (its stray comma removed), and what contracts/README.md decides where it is silent."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.api.conftest import NEW_PASSWORD, Script, claims, every_engine, row
from tests.conftest import PASSWORD, again
from webadmin.accounts import users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account, Login

USER = "/api/v1/user"
CHANGE = {"current": PASSWORD, "password": NEW_PASSWORD, "confirm": NEW_PASSWORD}
ANONYMOUS = {"status": "fail", "message": "You are not logged in. Please log in to get access."}
FORBIDDEN = {"status": "fail", "message": "You do not have permission to perform this action"}
WRONG_CURRENT = {
    "status": "fail",
    "error": {"statusCode": 401, "status": "fail", "isOperational": True},
    "message": "Your current password is wrong.",
}


def cookie_of(answer: Any) -> str:
    return str(answer.headers["Set-Cookie"]).partition(";")[0].removeprefix("jwt=")


@every_engine
def test_every_documented_request_has_its_documented_answer(script: Script, ada, engine):
    admin = {"role": "admin", "_id": ada.object_id, "name": "Ada Okonkwo", "email": "ada@example.com"}
    answer = script.call("POST", f"{USER}/login", body={"name": "ada", "password": PASSWORD}, status=200)
    assert answer.json == {"status": "success", "token": cookie_of(answer), "data": {"user": admin}}
    everyone = {"status": "success", "results": 1, "data": {"data": [admin]}}
    for path in (USER, f"{USER}/"):
        assert script.call("GET", path, cookie=cookie_of(answer), status=200).json == everyone
    wrong = script.call("PATCH", f"{USER}/updatePassword", cookie=cookie_of(answer), body={**CHANGE, "current": "x"}, status=401)
    assert wrong.json == WRONG_CURRENT
    unlike = script.call("PATCH", f"{USER}/updatePassword", cookie=cookie_of(answer), body={**CHANGE, "confirm": "x"}, status=400)
    assert unlike.json == {"status": "fail", "message": "Passwords are not the same."}
    changed = script.call("PATCH", f"{USER}/updatePassword", cookie=cookie_of(answer), body=CHANGE, status=200,
                          headers={"Content-Type": "application/json;charset=UTF-8"})
    assert changed.json == {"status": "success", "token": cookie_of(changed), "data": {"user": admin}}
    script.call("GET", f"{USER}/", cookie=cookie_of(answer), status=401)
    script.call("GET", f"{USER}/", bearer=cookie_of(changed), status=200)
    out = script.call("POST", f"{USER}/logout", cookie=cookie_of(changed), headers={"Content-Type": "application/json"}, status=200)
    assert out.json == {"status": "success"} and cookie_of(out) == ""
    script.call("GET", f"{USER}/", cookie=cookie_of(changed), status=401)


def test_the_cookie_is_strict_short_and_says_nothing(script: Script, ada):
    answer = script.call("POST", f"{USER}/login", body={"name": "ada@example.com", "password": PASSWORD}, status=200)
    parts = {part.strip() for part in answer.headers["Set-Cookie"].split(";")[1:]}
    assert parts == {"HttpOnly", "SameSite=Strict", "Path=/api/v1/user", "Max-Age=86400"} | {
        part for part in parts if part.startswith("Expires=")
    }
    found = claims(cookie_of(answer))
    assert set(found) == {"iss", "aud", "sub", "type", "jti", "iat", "nbf", "exp", "sid"} and found["exp"] - found["iat"] == 86_400


def test_the_cookie_is_secure_on_https(script: Script, app, ada, monkeypatch):
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], url="https://localhost"))
    answer = script.client.post(f"{USER}/login", json={"name": "ada", "password": PASSWORD})
    assert "; Secure" in answer.headers["Set-Cookie"]
    assert "; Secure" in script.client.get(f"{USER}/logout").headers["Set-Cookie"]


def test_wrong_name_or_password_are_alike(script: Script, ada):
    for body in ({"name": "ada", "password": "x"}, {"name": "no", "password": PASSWORD}):
        assert script.call("POST", f"{USER}/login", body=body, status=401).json == {
            "status": "fail",
            "message": "Incorrect name or password.",
        }


@pytest.mark.parametrize(
    "change", [{"current": None}, {"password": 5}, {"confirm": []}, {"current": ...}, {"password": ...}, {"confirm": ...}]
)
def test_a_new_password_needs_three_strings(script: Script, bob, ada, change):
    body = {name: value for name, value in {**CHANGE, **change}.items() if value is not ...}
    script.call("PATCH", f"{USER}/updatePassword", bearer=script.cookie("bob"), body=body, status=400)


def test_current_is_judged_first_then_confirm_then_the_rules(script: Script, bob, ada):
    token = script.cookie("bob")
    before = row(bob)["password_hash"]
    for body, status, message in (
        ({"current": "x", "password": "x", "confirm": "y"}, 401, WRONG_CURRENT["message"]),
        ({"current": PASSWORD, "password": "x", "confirm": "y"}, 400, "Passwords are not the same."),
        ({"current": PASSWORD, "password": "x", "confirm": "x"}, 400, "A password has at least 8 characters."),
        ({"current": PASSWORD, "password": "bob12345", "confirm": "bob12345"}, 400, "This is the account's own name."),
    ):
        answer = script.call("PATCH", f"{USER}/updatePassword", bearer=token, body=body, status=status).json
        assert answer["status"] == "fail" and answer["message"].startswith(str(message))
    assert row(bob)["password_hash"] == before
    script.call("PATCH", f"{USER}/updatePassword", bearer=token, body=b"{}", status=400)


def test_a_new_password_ends_everything_else(script: Script, bob, ada):
    first, second, pair = script.cookie("bob"), script.cookie("bob"), script.v1("bob")
    answer = script.call("PATCH", f"{USER}/updatePassword", cookie=first, body=CHANGE, status=200)
    for token in (first, second):
        script.call("GET", USER, bearer=token, status=401)
    script.call("GET", "/api/v1/users", bearer=pair["access_token"], status=401)
    script.call("GET", USER, bearer=answer.json["token"], status=403)
    assert Login.select().where(Login.account_id == bob.id).count() == 1


def test_the_list_is_for_administrators(script: Script, bob, ada):
    assert script.call("GET", USER, status=401).json == ANONYMOUS
    assert script.call("GET", USER, cookie="x", status=401).json == ANONYMOUS
    assert script.call("GET", USER, cookie=script.cookie("bob"), status=403).json == FORBIDDEN


def test_the_list_is_whole_or_a_page(script: Script, person, ada, bob):
    token, others = script.cookie("ada"), [person(f"user{number}") for number in range(8)]
    users.delete(bob, by=COMMAND_LINE)
    names = ["Ada Okonkwo", *(each.username for each in others)]

    def names_of(words: str) -> list[str]:
        answer = script.call("GET", f"{USER}/{words}", bearer=token, status=200).json
        assert answer["results"] == len(answer["data"]["data"])
        return [each["name"] for each in answer["data"]["data"]]
    assert names_of("") == names and names_of("?page=1") == names and names_of("?limit=1000") == names
    assert names_of("?limit=4") == names[:4] and names_of("?page=2&limit=4") == names[4:8] and names_of("?page=3&limit=4") == names[8:]
    assert names_of("?page=1000000000&limit=1000") == []
    assert script.call("GET", f"{USER}/?limit=2", bearer=token).json["data"]["data"][1]["email"] is None


@pytest.mark.parametrize(
    "words",
    [
        "page=0",
        "page=-1",
        "page=01",
        "page=1e3",
        "page=１",
        "page=",
        "page=1.0",
        "page=%2B1",
        "page=1000000001",
        "page=" + "9" * 5000,
        "limit=0",
        "limit=1001",
        "limit=x",
        "page=1&page=1",
        "limit=1&limit=1",
        "page=%00",
        "page=%ff",
        "page= 1",
    ],
)
def test_page_and_limit_are_whole_numbers(script: Script, ada, words):
    assert script.call("GET", f"{USER}/?{words}", bearer=script.cookie("ada"), status=400).json["status"] == "fail"


def test_what_decides_is_the_bearer_and_it_never_falls_back(script: Script, ada, bob):
    admin, own = script.cookie("ada"), script.cookie("bob")
    script.call("GET", USER, bearer=admin, cookie=own, status=200)
    script.call("GET", USER, bearer=own, cookie=admin, status=403)
    for bad in ("", "x", script.v1("ada")["access_token"]):
        script.call("GET", USER, bearer=bad, cookie=admin, status=401)
        script.call("POST", f"{USER}/logout", bearer=bad, cookie=admin, body=b"", status=401)
    for given in (f"Bearer\t{own}", f"bearer {own}", f"  BEARER   {own}  "):
        script.call("GET", USER, headers={"Authorization": given}, cookie=admin, status=403)
    script.call("GET", USER, headers={"Authorization": "Basic x"}, cookie=admin, status=200)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_logout_clears_the_cookie_whatever_it_holds(script: Script, ada, method):
    token = script.cookie("ada")
    for cookie in (None, "x", token, token):
        answer = script.call(method, f"{USER}/logout", cookie=cookie, status=200)
        assert answer.json == {"status": "success"} and cookie_of(answer) == ""
    script.call("GET", USER, bearer=token, status=401)


@pytest.mark.parametrize("site", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
                                  {"Origin": "null"}])
def test_another_site_gets_nothing_by_the_cookie(script: Script, ada, site):
    token, before = script.cookie("ada"), row(ada)
    for method, path in (("GET", USER), ("GET", f"{USER}/logout"), ("POST", f"{USER}/logout"), ("PATCH", f"{USER}/updatePassword")):
        assert script.call(method, path, cookie=token, body=CHANGE, headers=site, status=403).json == FORBIDDEN
    assert row(ada) == before
    script.call("GET", USER, cookie=token, status=200)
    script.call("GET", USER, cookie=token, headers={"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, status=200)
    script.call("GET", USER, bearer=token, headers=site, status=200)      # no browser adds that by itself


def test_by_the_cookie_a_body_must_be_json(script: Script, ada):
    token = script.cookie("ada")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/jsonx"):
        for method, path in (("PATCH", "updatePassword"), ("POST", "logout")):
            script.call(method, f"{USER}/{path}", cookie=token, body=CHANGE, headers={"Content-Type": kind}, status=415)
    script.call(
        "PATCH", f"{USER}/updatePassword", bearer=token, body={**CHANGE, "current": "x"}, headers={"Content-Type": "text/plain"}, status=401
    )
    script.call("GET", USER, cookie=token, status=200)


def test_current_counts_like_a_sign_in(script: Script, ada, bob):
    token = script.cookie("bob")
    for _ in range(10):
        script.call("PATCH", f"{USER}/updatePassword", bearer=token, body={**CHANGE, "current": "x"}, status=401)
    answer = script.call("PATCH", f"{USER}/updatePassword", bearer=token, body=CHANGE, status=429)
    assert answer.json["status"] == "fail" and int(answer.headers["Retry-After"]) in range(1, 61)
    script.call("POST", "/api/v1/login", body={"login": "bob", "password": PASSWORD}, status=429)


def test_an_account_without_an_address_has_a_null(script: Script, person, ada):
    person("eve")
    assert (
        script.call("POST", f"{USER}/login", body={"name": "eve", "password": PASSWORD}, status=200).json["data"]["user"]["email"] is None
    )
    assert again(ada).email and Account.select().count() == 2
