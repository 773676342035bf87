"""All doors use the one gate: one counter, equal answers, no other sites, nothing before the set-up (docs/security.md, LG, EN, CS)."""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from peewee import OperationalError
from werkzeug.exceptions import HTTPException

from tests.api.conftest import HASH, NEW_PASSWORD, Script, all_routes, all_rows, basic, every_engine, named, owner
from tests.conftest import PASSWORD
from tests.visitor import Visitor
from webadmin.accounts import hashing, policies, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.errors import Busy
from webadmin.accounts.models import Account, Throttle

# every door that a name and a password open, as (method, path, body or None for Basic)
SIGN_INS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "v2": lambda name, password: {"method": "GET", "path": f"/api/v2/users/{name}", "headers": {"Authorization": basic(name, password)}},
    "v1": lambda name, password: {"method": "POST", "path": "/api/v1/login", "body": {"login": name, "password": password}},
    "chirpy": lambda name, password: {"method": "POST", "path": "/api/login", "body": {"email": name, "password": password}},
    "cookie": lambda name, password: {"method": "POST", "path": "/api/v1/user/login", "body": {"name": name, "password": password}},
}
REGISTRATIONS: dict[str, Callable[[str], dict[str, Any]]] = {
    "v1": lambda name: {"path": "/api/v1/register", "body": {"login": name, "password": NEW_PASSWORD}},
    "chirpy": lambda name: {"path": "/api/users", "body": {"email": f"{name}@example.com", "password": NEW_PASSWORD}},
    "mass": lambda name: {
        "path": "/auth",
        "body": {"user": name, "pass": NEW_PASSWORD, "fname": "", "lname": "", "email": f"{name}@example.com"},
    },
}
TOO_MANY: dict[str, Callable[[Any], bool]] = {
    "users_v2_basic": lambda body: body == {"too_many_requests": True}, "users_v1_jwt": lambda body: set(body) == {"msg"},
    "chirpy_users": lambda body: set(body) == {"error"}, "user_v1_cookie": lambda body: set(body) == {"status", "message"},
    "user_mass": lambda body: set(body) == {"message"}}


def sign_in(script: Script, door: str, name: str, password: str) -> Any:
    return script.call(**SIGN_INS[door](name, password))


@every_engine
def test_one_counter_over_all_doors_and_the_browser(script: Script, app, ada, bob, engine, clock):
    token = script.cookie("bob")
    for door in [*SIGN_INS, *SIGN_INS]:
        assert sign_in(script, door, "bob", "wrong").status_code == 401
    change: dict[str, Any] = {"method": "PATCH", "path": "/api/v1/user/updatePassword", "bearer": token,
              "body": {"current": "wrong", "password": NEW_PASSWORD, "confirm": NEW_PASSWORD}}
    script.call(**change, status=401)
    Visitor(app, "192.0.2.7").fill("/login", status=403, name="bob@example.com", password="wrong")
    for door in SIGN_INS:       # the eleventh, with the right password too
        for password in ("wrong", PASSWORD):
            answer = sign_in(script, door, "bob", password)
            assert answer.status_code == 429 and 1 <= int(answer.headers["Retry-After"]) <= 60
            assert TOO_MANY[owner(SIGN_INS[door]("bob", "x")["path"])](answer.json)
    script.call(**change, status=429)
    Visitor(app, "192.0.2.8").fill("/login", status=429, name="bob", password=PASSWORD)
    sign_in(script, "v1", "ada", PASSWORD)
    clock(minutes=1, seconds=1)
    for door in SIGN_INS:
        assert sign_in(script, door, "bob", PASSWORD).status_code == 200


def test_an_unknown_name_waits_exactly_alike(script: Script, ada, bob):
    def answers(name: str) -> list[tuple[int, bytes, str | None]]:
        found = [sign_in(script, "v1", name, "wrong") for _ in range(12)]
        return [(each.status_code, each.data, each.headers.get("Retry-After")) for each in found]
    known, unknown = answers("bob"), answers("nobody")
    assert [each[:2] for each in known] == [each[:2] for each in unknown] and [each[0] for each in known] == [401] * 10 + [429] * 2


def test_a_source_may_fail_sixty_times_a_minute(script: Script, ada):
    statuses = [sign_in(script, "v1", f"nobody{number}", "x").status_code for number in range(61)]
    assert statuses == [401] * 60 + [429]
    for door in SIGN_INS:
        answer = script.call(**{**SIGN_INS[door]("ada", PASSWORD), "headers": {**SIGN_INS[door]("ada", PASSWORD).get("headers", {}),
                                                                               "X-Forwarded-For": "192.0.2.99"}})
        assert answer.status_code == 429
    sign_in(Script(script.app, "192.0.2.1"), "v1", "ada", PASSWORD)
    assert sign_in(Script(script.app, "192.0.2.1"), "v1", "ada", PASSWORD).status_code == 200


def test_a_verified_basic_credential_is_no_attempt(script: Script, app, ada, bob):
    assert sign_in(script, "v2", "bob", PASSWORD).status_code == 200
    other = Script(app, "192.0.2.1")
    for _ in range(12):
        sign_in(other, "v1", "bob", "wrong")
    assert sign_in(script, "v2", "bob", PASSWORD).status_code == 200      # a stranger does not stop a running script
    assert sign_in(script, "v2", "bob", "wrong").status_code == 429
    assert Throttle.select().count() > 0


@pytest.mark.parametrize("door", SIGN_INS)
def test_unknown_wrong_disabled_deleted_and_over_are_the_same_answer(script: Script, ada, person, by_ada, door):
    users.disable(person("disabled"), by=by_ada)
    users.delete(person("deleted"), by=by_ada)
    person("over", expires_at=1)
    person("right")
    answers = [sign_in(script, door, name, password) for name, password in (
        ("nobody", PASSWORD), ("right", "wrong"), ("disabled", PASSWORD), ("deleted", PASSWORD), ("over", PASSWORD), ("right", "x" * 200))]
    told = [
        (each.status, each.data, sorted((name, value) for name, value in each.headers if name not in ("X-Request-Id", "Date")))
        for each in answers
    ]
    assert answers[0].status_code == 401 and [each for each in told if each != told[0]] == []


@pytest.mark.parametrize("door", SIGN_INS)
def test_busy_is_a_503_in_the_contracts_shape_and_counts_for_nobody(script: Script, ada, bob, monkeypatch, door):
    def busy(*_: Any, **__: Any) -> bool:
        raise Busy
    monkeypatch.setattr(hashing, "in_turn", busy)
    for _ in range(12):
        assert int(sign_in(script, door, "bob", PASSWORD).headers["Retry-After"]) >= 1
    monkeypatch.undo()
    assert sign_in(script, door, "bob", PASSWORD).status_code == 200


@every_engine
@pytest.mark.parametrize("door", REGISTRATIONS)
def test_accounts_made_and_exists_answers_are_counted_together(script: Script, app, ada, bob, door, engine, clock):
    policies.change({"registrations_an_hour": "6"}, by=COMMAND_LINE)
    asking = script.chirpy("bob")["token"]
    for number, each in enumerate([*REGISTRATIONS, door]):
        script.call("POST", **REGISTRATIONS[each](f"new{number}"), status=201)
    script.call("POST", **REGISTRATIONS[door]("bob"), status=403 if door == "mass" else 409)
    for body in ({}, b"{", {"login": "x", "password": "short"}):      # an invalid body counts for nothing
        script.call("POST", REGISTRATIONS[door]("x")["path"], body=body, status=400)
    script.call("PUT", "/api/users", bearer=asking, body={"email": "ada@example.com"}, status=409)
    for each in REGISTRATIONS:
        for name in ("bob", "another"):
            answer = script.call("POST", **REGISTRATIONS[each](name), status=429)
            assert "password" not in answer.text and 3000 < int(answer.headers["Retry-After"]) <= 3600
    script.call("PUT", "/api/users", bearer=asking, body={"email": "ada@example.com"}, status=429)
    script.call("PUT", "/api/users", bearer=asking, body={"password": NEW_PASSWORD}, status=200)      # that tells no name
    script.call("POST", "/api/v2/users/by-administrator", as_="ada", body={}, status=200)
    Script(app, "192.0.2.1").call("POST", **REGISTRATIONS[door]("elsewhere"), status=201)
    clock(hours=1, minutes=1)
    script.call("POST", **REGISTRATIONS[door]("later"), status=201)


def test_three_hundred_an_hour_is_the_usual_limit(store):
    assert policies.now().registrations_an_hour == 300


SITES = [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "Cross-Site"}, {"Sec-Fetch-Site": "x"},
         {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost.evil.example"}, {"Origin": "http://localhost:81"},
         {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}]
OWN = [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost"},
       {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}]


def test_another_site_is_refused_on_every_route_that_writes(script: Script, ada, bob):
    before = all_rows()
    for method, path in all_routes():
        for site in SITES if method != "GET" else []:
            answer = script.call(method, path, headers={**site, "Authorization": basic("ada")}, body={}, status=403)
            assert owner(path) != "users_v2_basic" or answer.json == {"access_allowed": False}
        for site in OWN if method != "GET" else []:
            assert script.call(method, path, headers=site, body={}).status_code != 403 or path == "/api/v1/register", (method, path, site)
    assert [{**each, "last_signed_in_at": 0} for each in all_rows()] == [{**each, "last_signed_in_at": 0} for each in before]


def test_basic_from_a_browser_needs_json_and_this_site(script: Script, ada, bob):
    """What a page of another site can make a browser send, with a password that the browser remembers."""
    for method, path in (("POST", "/api/v2/users/eve"), ("PUT", "/api/v2/users/bob/update"), ("POST", "/api/v2/users/bob/refresh"),
                         ("DELETE", "/api/v2/users/bob")):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            for site in OWN:
                script.call(method, path, as_="ada", body={"token": "x"}, headers={**site, "Content-Type": kind}, status=415)
    for method, path in (("GET", "/api/v2/users"), ("GET", "/api/v2/users/bob")):
        for site in SITES:
            script.call(method, path, as_="ada", headers=site, status=403)
        for site in OWN:
            script.call(method, path, as_="ada", headers=site, status=200)
    script.call("PUT", "/api/v2/users/bob/update", as_="ada", body={"token": "x"}, headers={"Content-Type": "text/plain"}, status=200)
    script.call("PUT", "/api/v2/users/bob/update", as_="ada", body={"token": "x"}, headers=OWN[0], status=200)
    script.call("POST", "/api/v2/users/bob/refresh", as_="ada", headers=OWN[0], status=200)
    script.call("DELETE", "/api/v2/users/bob", as_="ada", headers=OWN[0], status=200)


@every_engine
def test_nothing_works_before_the_first_administrator(script: Script, bob, engine):
    for method, path in [
        *all_routes(),
        ("GET", "/api/v1/x"),
        ("GET", "/api/v2/x"),
        ("GET", "/api/x"),
        ("GET", "/api/v1/user/x"),
        ("PUT", "/auth"),
        ("DELETE", "/api/login"),
    ]:
        answer = script.call(method, path, as_="bob", body={}, status=503)
        assert int(answer.headers["Retry-After"]) >= 1 and "Set-Cookie" not in answer.headers
    assert Account.select().count() == 1


def test_every_503_and_500_has_the_contracts_shape(script: Script, ada, monkeypatch):
    shapes = {"users_v2_basic": ({"server_error": True}, {"service_unavailable": True}), "users_v1_jwt": ({"msg"}, {"msg"}),
              "chirpy_users": ({"error"}, {"error"}), "user_v1_cookie": ({"status", "message"}, {"status", "message"}),
              "user_mass": ({"message": "A server error occured"}, {"message"})}
    for error, status in ((RuntimeError("secret words"), 500), (OperationalError("disk I/O error, secret words"), 503)):
        def fail(*_: Any, error: Exception = error, **__: Any) -> Any:
            raise error
        with monkeypatch.context() as patch:
            patch.setattr("flask.Flask.preprocess_request", fail)
            for _, path in all_routes():
                answer = script.client.get(path)
                wanted = shapes[owner(path)][0 if status == 500 else 1]
                assert answer.status_code == status and "secret" not in answer.text and answer.headers["X-Request-Id"]
                assert answer.json is not None and (answer.json == wanted or set(answer.json) == wanted), path
                assert (status == 500) != ("Retry-After" in answer.headers)
                assert owner(path) != "user_v1_cookie" or answer.json["status"] == "error"


def test_every_http_failure_has_the_contracts_shape(script: Script, ada, monkeypatch):
    class Teapot(HTTPException):
        code, description = 418, "short and stout"

    def fail(*_: Any, **__: Any) -> Any:
        raise Teapot
    monkeypatch.setattr("flask.Flask.preprocess_request", fail)
    for _, path in all_routes():
        answer = script.client.get(path)
        assert answer.status_code == 418 and answer.is_json


def test_no_other_site_may_read_an_answer(script: Script, ada):
    for method, path in all_routes():
        for asked in (method, "OPTIONS"):
            answer = script.client.open(
                path, method=asked, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": method}
            )
            assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]


def test_a_crawl_shows_no_hash_outside_v2s_two_fields(script: Script, ada, bob, api_token):
    pair, chirpy, cookie = script.v1("ada"), script.chirpy("ada"), script.cookie("ada")
    script.call("POST", "/api/v2/users/bob/refresh", as_="ada", status=200)
    given = [{"as_": "ada"}, {"bearer": pair["access_token"]}, {"bearer": pair["refresh_token"]}, {"bearer": chirpy["token"]},
             {"bearer": chirpy["refresh_token"]}, {"bearer": cookie}, {"bearer": api_token(ada)}, {}]
    stored = [each["password_hash"] for each in all_rows()]
    for method, path in all_routes():
        for credential in given if method == "GET" else []:
            answer = script.call(method, path, **credential)
            text = re.sub(r'"(password|token)":"\$2b\$[^"]*"', "", answer.text) if path == "/api/v2/users/bob" else answer.text
            assert not HASH.search(text) and not any(each in text for each in stored)


def test_one_sources_registrations_tell_no_password(script: Script, ada):
    policies.change({"registrations_an_hour": "1"}, by=COMMAND_LINE)
    script.call("POST", **REGISTRATIONS["v1"]("adam"), status=201)
    answer = script.call("POST", **REGISTRATIONS["v1"]("eve"), status=429)
    assert answer.json["msg"].startswith("Too many accounts") and named("eve") is None


def test_a_long_address_is_refused_in_the_contracts_shape(script: Script, ada):
    for path, keys in (("/api/v2/users", {"bad_request"}), ("/api/v1/users", {"msg"}), ("/api/users", {"error"}),
                       ("/api/v1/user", {"status", "message"}), ("/user", {"message"})):
        answer = script.client.get(f"{path}?x={'x' * 9000}")
        assert answer.status_code == 414 and set(answer.json or {}) == keys
