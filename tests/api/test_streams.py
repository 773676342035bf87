"""Whole lists are sent as they are read, in constant memory (design.md)."""
from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api.conftest import Script, basic
from webadmin.accounts.models import Account
from webadmin.store import database

ROWS = 20_000
MOST_BYTES = 4_000_000      # a list of 20,000 names alone would be more
MANY = """WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
          INSERT INTO account (object_id, username, username_key, email, email_key, display_name, display_key, first_name, last_name, role,
                               is_chirpy_red, epoch, version, active, must_change_password, last_signed_in_at, created_at, updated_at,
                               search_text)
          SELECT printf('%024x', n), 'user' || n, 'user' || n, 'user' || n || '@example.com', 'user' || n || '@example.com', 'User ' || n,
                 'user ' || n, '', '', 1, 0, 1, 1, 1, 0, 0, 1, 1, '' FROM numbers"""


@pytest.fixture
def lists(script: Script, ada: Account) -> dict[str, tuple[str, dict[str, str], Callable[[Any], list[Any]]]]:
    """Each whole list: path, headers, and where its rows stand."""
    v1, cookie = script.v1("ada")["access_token"], script.cookie("ada")
    return {"v2": ("/api/v2/users", {"Authorization": basic("ada")}, lambda body: body["users"]),
            "v1": ("/api/v1/users", {"Authorization": f"Bearer {v1}"}, lambda body: body["Users"]),
            "cookie": ("/api/v1/user/", {"Authorization": f"Bearer {cookie}"}, lambda body: body["data"]["data"])}


@pytest.fixture
def many(store: Any, ada: Account) -> None:
    with database.transaction():
        database.proxy.obj.execute_sql(MANY, (ROWS,))


def pieces_of(script: Script, path: str, headers: dict[str, str]) -> Iterator[bytes]:
    answer = script.client.get(path, headers=headers, buffered=False)
    assert answer.status_code == 200 and "Content-Length" not in answer.headers and answer.is_streamed
    return iter(answer.response)  # type: ignore[arg-type]


@pytest.mark.parametrize("contract", ["v2", "v1", "cookie"])
def test_a_whole_list_is_sent_as_it_is_read(script: Script, lists, many, contract):
    path, headers, rows = lists[contract]
    for piece in pieces_of(script, path, headers):
        assert len(piece) < 100_000
    pieces = pieces_of(script, path, headers)
    first = next(pieces)
    last = Account.select(Account.id).order_by(Account.id.desc()).scalar()
    Account.delete().where(Account.id == last).execute()      # after the first bytes are out
    found = rows(json.loads(first + b"".join(pieces)))
    assert len(found) == ROWS and f"user{ROWS - 1}" in json.dumps(found[-1]).lower().replace(" ", "")


@pytest.mark.parametrize("contract", ["v2", "v1", "cookie"])
def test_a_whole_list_takes_constant_memory(script: Script, lists, many, contract):
    path, headers, _ = lists[contract]
    sum(len(piece) for piece in pieces_of(script, path, headers))
    tracemalloc.start()
    try:
        length = sum(len(piece) for piece in pieces_of(script, path, headers))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert length > 10 * ROWS and peak < MOST_BYTES, peak


def test_a_short_list_has_a_length_so_that_the_connection_stays_open(script: Script, lists, person, ada):
    person("bob")
    for path, headers, rows in lists.values():
        answer = script.client.get(path, headers=headers)
        assert len(rows(json.loads(answer.data))) == 2 and int(answer.headers["Content-Length"]) == len(answer.data)
