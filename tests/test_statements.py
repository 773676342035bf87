"""What people send is never part of a statement: each value travels as a parameter, whatever the door (IN9)."""
from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import peewee
import pytest
from flask import Flask

from tests.conftest import PASSWORD
from tests.visitor import Visitor
from webadmin.accounts import exchange, throttle, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account

CANARY = "zqcanary"
NAMES = ("name", "login", "username", "user", "user_name", "email", "new_email", "password", "pass", "current", "confirm", "token", "display_name", "first_name",
         "last_name", "fname", "lname", "reason", "code", "role", "q", "sort", "order", "state", "per_page", "last_signed_in", "after", "before", "group", "kind", "account",
         "since", "until", "page", "limit", "version", "expires_on", "next", "user_role")
READ = ("/users", "/activity", "/user", "/api/v1/user/", "/api/v1/users", f"/api/v2/users/{CANARY}", f"/users/{CANARY}", f"/api/v1/users/{CANARY}", f"/setup/{CANARY}")
WRITTEN = (("POST", "/api/v1/register"), ("POST", "/api/v1/login"), ("POST", "/api/users"), ("PUT", "/api/users"), ("POST", "/api/login"), ("POST", "/api/refresh"),
           ("POST", "/api/v1/user/login"), ("PATCH", "/api/v1/user/updatePassword"), ("POST", "/auth"), ("PUT", "/user"), ("POST", f"/api/v2/users/{CANARY}"),
           ("PUT", f"/api/v2/users/{CANARY}/update"), ("POST", f"/api/v2/users/{CANARY}/refresh"), ("DELETE", f"/api/v2/users/{CANARY}"))


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Every statement that is run, by Peewee or around it, with its parameters."""
    found: list[tuple[str, Any]] = []
    run = peewee.Database.execute_sql

    def noted(store: Any, sql: str, params: Any = None, *more: Any) -> Any:
        found.append((sql, params))
        return run(store, sql, params, *more)
    monkeypatch.setattr(peewee.Database, "execute_sql", noted)
    return found


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mariadb"])
def test_what_is_sent_is_never_part_of_a_statement(app: Flask, desk: Visitor, bob: Account, statements: list[tuple[str, Any]], engine: str,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "SOURCE_FAILURES", 10_000)
    signed_in: Any = app.test_client(use_cookies=False).post("/api/v1/login", json={"login": "ada", "password": PASSWORD}).json
    for value in (CANARY, f"{CANARY}@example.com", f"{CANARY} number one"):
        everything = dict.fromkeys(NAMES, value)
        for path in READ:
            for name in NAMES if value == CANARY and engine == "sqlite" else ("q",):      # the words are read before any engine is asked
                desk.client.get(path, query_string={name: value})
            desk.client.get(path, query_string=everything)
        for path in ("/users/new", f"/users/{bob.id}/edit", "/me", "/login", "/password", "/settings"):
            usable = {**everything, "role": "1", "version": "", "expires_on": "", "current": PASSWORD, "confirm": "another"}
            desk.client.post(path, data={**usable, "csrf_token": desk.token()})
        _by_scripts(app.test_client(use_cookies=False), everything, signed_in["access_token"])
        lines = f"username,email,display_name,first_name,password\nx{CANARY},x{CANARY}@example.com,{value},{value},{value} and more\n"
        for _ in exchange.Import(io.BytesIO(lines.encode()), by=COMMAND_LINE):
            pass
        for name in (value, f"{value}x"):
            users.named(name)
    sent = [params for _, params in statements if CANARY in str(params)]
    assert len(sent) > 100 and not [sql for sql, _ in statements if CANARY in sql.lower()]
    assert {"select", "insert", "update"} <= {sql.split()[0].lower() for sql, params in statements if CANARY in str(params)}


def _by_scripts(client: Any, everything: dict[str, str], token: str) -> None:
    tokens = ({"Authorization": f"Bearer {CANARY}"}, {"Cookie": f"jwt={CANARY}; webadmin_session={CANARY}"}, None)
    for method, path in WRITTEN:
        for given in ({}, {"role": 1, "user_role": 1, "password": "a quiet green harbour", "token": None, "page": None}):
            body = {name: each for name, each in {**everything, **given}.items() if each is not None}
            for headers in tokens:
                client.open(path, method=method, json=body, headers=headers, auth=("ada", PASSWORD) if headers is None else None)
    names = {name: everything[name] for name in ("fname", "lname")}
    assert client.put("/user", json=names, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_the_check_would_find_a_value_in_a_statement(store: object, statements: list[tuple[str, Any]]) -> None:
    peewee.Database.execute_sql(Account._meta.database.obj, f"SELECT '{CANARY}'")
    assert [sql for sql, _ in statements if CANARY in sql]


def test_signs_of_a_pattern_are_looked_for_as_they_are(store: object, person: Callable[..., Account]) -> None:
    from webadmin.accounts.directory import View, page
    person("one", display_name="%off today")
    person("two", display_name="_under_score")
    person("three", display_name="off under")
    found = {term: [row.username for row in page(View(q=term)).rows] for term in ("%", "_", "%off", "_un", "r_s", "rxs", "o%f", "ff t")}
    assert found == {"%": ["one"], "_": ["two"], "%off": ["one"], "_un": ["two"], "r_s": ["two"], "rxs": [], "o%f": [], "ff t": ["one"]}
