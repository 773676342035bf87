"""Every list, search and look-up goes by an index, whatever the engine: no scan of the whole table, and no sort of a whole list."""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from webadmin import keeper
from webadmin.accounts import (
    activity,
    changes,
    directory,
    expiry,
    fields,
    links,
    registration,
    rows,
    search,
    sessions,
    signin,
    tokens,
    users,
    views,
    walks,
)
from webadmin.accounts.actors import Actor
from webadmin.accounts.directory import Place, View
from webadmin.accounts.errors import AccountError
from webadmin.accounts.models import Account, Change, Detail, Link, LogHead, Login, RevokedToken, Role, Session, Throttle
from webadmin.accounts.sessions import Kept
from webadmin.store import database

BIG = 400
SMALL = r"FROM .(log_head|setting|job). "      # a row, a handful


@pytest.fixture
def crowd(store):
    """Enough rows for a planner to think an index worth it."""
    now = database.now()
    accounts = [{"object_id": f"{n:024x}", "username": f"u{n}", "username_key": f"u{n}", "display_name": f"d{n}", "display_key": f"d{n}",
             "email": f"e{n}@x.example", "email_key": f"e{n}@x.example", "created_at": now - n, "updated_at": now, "last_signed_in_at": now - n,
             "search_text": f"u{n}", "role": 1 + (n % 20 == 0), "active": n % 7 > 0, "deleted_at": None if n % 11 else now} for n in range(BIG)]
    log = [{"id": n + 1, "at": now + n, "kind": "updated", "group": "change", "actor_id": n % 50, "door": "browser", "source": "", "request_id": "",
            "account_id": n % 60, "accounts": 1, "digest": "", "seal": ""} for n in range(BIG)]
    later = {"created_at": now, "expires_at": now + database.DAY_MS}
    with database.transaction():
        for table, given in ((Account, accounts), (Change, log),
                             (Detail, [{"change_id": n + 1, "account_id": n % 60, "before": "{}", "after": "{}"} for n in range(BIG)]),
                             (Session, [{"key_hash": f"{n:064x}", "account_id": n, "epoch": 1, "remember": False, "device": "", "source": "",
                                         "seen_at": now, "confirmed_at": now, **later} for n in range(BIG)]),
                             (Login, [{"account_id": n, "audience": "v1", "epoch": 1, "refresh_digest": f"{n:064x}", "source": "", **later} for n in range(BIG)]),
                             (RevokedToken, [{"jti": f"{n:032x}", "expires_at": later["expires_at"]} for n in range(BIG)]),
                             (Link, [{"digest": f"{n:064x}", "purpose": "test", **later} for n in range(BIG)]),
                             (Throttle, [{"name": f"{n:064x}", "failures": 1, "in_a_row": 1, "first_at": now, "until": 0, "updated_at": now} for n in range(BIG)])):
            for start in range(0, BIG, 50):
                table.insert_many(given[start:start + 50]).execute()
        LogHead.update(change_id=BIG).execute()
        search.rebuild()
    database.proxy.obj.execute_sql({"mariadb": "ANALYZE TABLE account, `change`, detail, session, login, revoked_token, link, throttle"}.get(store.engine, "ANALYZE"))
    if store.engine == "postgresql":
        for habit in ("enable_seqscan", "enable_bitmapscan", "enable_sort"):      # what a small table is read by, a large one is not
            database.proxy.obj.execute_sql(f"SET {habit} = off")
    return store


def plan(engine: str, query) -> str:
    return explained(engine, *query.sql())


def explained(engine: str, statement: str, values) -> str:
    if engine == "sqlite":
        return "\n".join(row[3] for row in database.proxy.obj.execute_sql(f"EXPLAIN QUERY PLAN {statement}", values).fetchall())
    if engine == "postgresql":
        return "\n".join(row[0] for row in database.proxy.obj.execute_sql(f"EXPLAIN {statement}", values).fetchall())
    return database.proxy.obj.execute_sql(f"EXPLAIN FORMAT=JSON {statement}", values).fetchone()[0]


def by_index(engine: str, shown: str, *, sorts: bool = False) -> bool:
    """Nothing is scanned; and unless `sorts`, nothing is put in order afterwards. What a query made for itself may be read to its end."""
    if engine == "sqlite":
        scanned = [line for line in shown.splitlines() if re.match(r"SCAN (?!leg\d|walked|some|CONSTANT ROW|\(subquery)", line) and "VIRTUAL TABLE INDEX" not in line]
        return not scanned and (sorts or "TEMP B-TREE FOR ORDER BY" not in shown)
    if engine == "postgresql":
        return "Seq Scan" not in shown and (sorts or not re.search("(^|-> +)Sort ", shown, re.MULTILINE))
    tables = [table for table in _tables(json.loads(shown)) if not table.get("table_name", "<").startswith("<")]
    return "Impossible WHERE" in shown or all(table.get("key") for table in tables) and (sorts or "filesort" not in shown)


def _tables(node: object) -> list[dict]:
    if isinstance(node, list):
        return [table for each in node for table in _tables(each)]
    if isinstance(node, dict):
        own = [node["table"]] if "table" in node else []
        return own + [table for each in node.values() for table in _tables(each)]
    return []


@pytest.fixture
def asked(crowd, monkeypatch):
    """asked(act) runs `act`, and returns what it asked the engine to read, or to change where it is.

    The budget of a walk is to the crowd what the real one is to a large store.
    """
    monkeypatch.setattr(walks, "BUDGET", BIG // 20)
    walks._budgeted_walk.cache_clear()
    said: list[tuple[str, Any]] = []
    ask = database.proxy.obj.execute_sql
    monkeypatch.setattr(database.proxy.obj, "execute_sql", lambda sql, values=None: (said.append((sql, values)), ask(sql, values))[1])

    def run(act: Callable[[], object]) -> list[tuple[str, Any]]:
        said.clear()
        with suppress(AccountError):
            act()
        return [(sql, values) for sql, values in said if re.match(r"\(*SELECT|UPDATE|DELETE", sql) and not re.search(SMALL, sql)]
    yield run
    walks._budgeted_walk.cache_clear()


def scans(engine: str, statements: list[tuple[str, Any]], *, sorts: bool = False) -> list[str]:
    """Those that read a whole table, each with its plan."""
    shown = [(sql, explained(engine, sql, values)) for sql, values in statements]
    return [f"{sql}\n{plan}" for sql, plan in shown if not by_index(engine, plan, sorts=sorts)]


def cursor(view: View) -> str:
    """A place on the view's first shelf."""
    return directory._cursor(Place(view.rank(view.shelves[0]), 7 if view.sort in ("created", "last_signed_in") else "d7", 7))


def test_every_list_walks_an_index(crowd, asked):
    """Each sort, both ways: the first page, one in the middle in both directions, and the last."""
    for filters, sort, order in product(({"state": "active", "role": "user"}, {}, {"state": "deleted"}, {"role": "administrator"}), directory.SORTS, ("asc", "desc")):
        first = View(sort=sort, order=order, **filters)
        for view in (first, replace(first, after=cursor(first)), replace(first, before=cursor(first)), replace(first, before="")):
            statements = asked(lambda: directory.page(view))
            assert statements, view
            assert not (found := scans(crowd.engine, statements)), (view, found[0])


def test_a_filter_by_the_last_sign_in_walks_an_index_first(crowd, asked):
    """Where its walk ends without a full page, the few rows are found by an index, and sorted."""
    for seen, sort in product(views.SEEN, directory.SORTS):
        statements = asked(lambda: directory.page(View(sort=sort, last_signed_in=seen)))
        assert statements, (seen, sort)
        assert not (found := scans(crowd.engine, statements, sorts=True)), (seen, sort, found[0])


def test_a_search_uses_an_index(crowd, asked, monkeypatch):
    """Of few and of many. MariaDB has none for a piece of a text: docs/deployment.md says so."""
    monkeypatch.setattr(search, "ENOUGH", 30)
    for term, sort in product(("u", "u7", "u77", "example", "nobody is called this"), directory.SORTS):
        statements = [(sql, values) for sql, values in asked(lambda: directory.page(View(q=term, sort=sort)))
                      if crowd.engine != "mariadb" or not re.search("LIKE|INSTR", sql)]
        assert not (found := scans(crowd.engine, statements, sorts=True)), (term, sort, found[0])


ACTOR = Actor(door="browser", source="192.0.2.1", account_id=7, role=Role.ADMINISTRATOR)
READS: dict[str, Callable[[], object]] = {
    "by username": lambda: users.named("u7"), "by e-mail": lambda: users.named("e7@x.example"), "by number": lambda: users.find(7),
    "an administrator": users.administrator_exists, "another administrator": lambda: rows.another_administrator(Account(id=7)),
    "a session": lambda: sessions.resume("x"), "sessions of an account": lambda: sessions.of(Account(id=7, epoch=1)),
    "end a session": lambda: sessions.end(7, Account(id=7), by=ACTOR), "end all": lambda: sessions.forget(Account(id=7, epoch=1), keep=Kept(7, 7)),
    "a JWT": lambda: tokens.BY_SID.first("x" * 32, 7), "a refresh token": lambda: tokens.read_refresh("x", tokens.CHIRPY),
    "an API token": lambda: tokens.read_api_token("x" * 43), "a free API token": lambda: users._unless_taken(("x", "x"), Account(id=7)),
    "a sign-in": lambda: signin.authenticate("u7", "three green boats", by=ACTOR), "a registration": lambda: registration.must_have_room("192.0.2.1"),
    "a link": lambda: links.look(links.SET_UP, "x"), "names that are taken": lambda: fields.must_be_free(Account(id=7, username_key="u7", email_key="e7")),
    "a job": lambda: keeper._is_due(keeper.Task("expiry", 1, str)), "expiry": lambda: expiry.remove_old(log_days=0),
    "the log's old end": lambda: expiry._oldest(LogHead.get(), 0), "a new name": lambda: users.update(Account.get(Account.username_key == "u7"), {"display_name": "new"}, by=ACTOR),
    "an account's history": lambda: activity.history(Account(id=7), 8), "an account's sign-ins": lambda: activity.history(Account(id=7), 8, groups=("sign-in", "refused")),
    "what the purge blanks": lambda: changes.blank(7, BIG + 1), "everyone": lambda: list(directory.everyone(Account.username)),
    "sessions for /metrics": lambda: Session.select().where(Session.expires_at > database.now()).count(),
}


def test_what_is_looked_up_is_found_by_an_index(crowd, asked):
    for name, read in READS.items():
        statements = asked(read)
        assert statements or "job" in name, name
        assert not (found := scans(crowd.engine, statements, sorts=True)), (name, found[0])


def test_the_log_is_read_along_an_index(crowd, asked):
    now = database.now()
    for given in ({}, {"group": "change"}, {"kind": "updated"}, {"account": 7}, {"person": "u7"}, {"since": now}, {"until": now}, {"kind": "updated", "since": now, "until": now}):
        for place in ({}, {"after": 200}, {"before": 200}, {"before": 0}):
            statements = asked(lambda: activity.page(activity.Filter(**given, **place)))
            assert statements
            assert not (found := scans(crowd.engine, statements, sorts="account" in given or "person" in given)), (given, place, found[0])
