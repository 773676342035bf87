"""Every list is read along an index, whatever the engine: no sort, no scan of the whole table."""
from __future__ import annotations

import json

import pytest

from webadmin.accounts import activity, changes, directory, sessions, users
from webadmin.accounts.directory import Place, View
from webadmin.store import database

BIG = 400


@pytest.fixture
def crowd(store):
    """Enough rows for a planner to think an index worth it."""
    now = database.now()
    from webadmin.accounts.models import Account, Change, Detail, Session
    rows = [{"object_id": f"{n:024x}", "username": f"u{n}", "username_key": f"u{n}", "display_name": f"d{n}", "display_key": f"d{n}",
             "email": f"e{n}@x.example", "email_key": f"e{n}@x.example", "created_at": now - n, "updated_at": now, "last_signed_in_at": now - n,
             "search_text": f"u{n}", "role": 1 + (n % 20 == 0)} for n in range(BIG)]
    log = [{"id": n + 1, "at": now + n, "kind": "updated", "group": "change", "actor_id": n % 50, "door": "browser", "source": "", "request_id": "",
            "account_id": n % 60, "accounts": 1, "digest": "", "seal": ""} for n in range(BIG)]
    with database.transaction():
        for table, given in ((Account, rows), (Change, log),
                             (Detail, [{"change_id": n + 1, "account_id": n % 60, "before": "{}", "after": "{}"} for n in range(BIG)]),
                             (Session, [{"key_hash": f"{n:064x}", "account_id": n, "epoch": 1, "remember": False, "device": "", "source": "",
                                         "created_at": now, "seen_at": now, "confirmed_at": now, "expires_at": now} for n in range(BIG)])):
            for start in range(0, BIG, 50):
                table.insert_many(given[start:start + 50]).execute()
    database.proxy.obj.execute_sql({"mariadb": "ANALYZE TABLE account, `change`, detail"}.get(store.engine, "ANALYZE"))
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
    """Nothing is scanned; and unless `sorts`, nothing is put in order afterwards."""
    if engine == "sqlite":
        return "SCAN" not in shown and (sorts or "TEMP B-TREE FOR ORDER BY" not in shown)
    if engine == "postgresql":
        return "Seq Scan" not in shown and (sorts or "Sort " not in shown)
    tables = _tables(json.loads(shown))
    return "Impossible WHERE" in shown or all(table.get("key") for table in tables) and (sorts or "filesort" not in shown)


def _tables(node: object) -> list[dict]:
    if isinstance(node, list):
        return [table for each in node for table in _tables(each)]
    if isinstance(node, dict):
        own = [node["table"]] if "table" in node else []
        return own + [table for each in node.values() for table in _tables(each)]
    return []


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", directory.SORTS)
def test_every_list_walks_an_index(crowd, sort, order, monkeypatch):
    key = 7 if sort in ("created", "last_signed_in") else "d7"
    for after in (None, directory._cursor(Place(0, key, 7))):
        asked, ask = [], database.proxy.obj.execute_sql
        with monkeypatch.context() as patched:
            patched.setattr(database.proxy.obj, "execute_sql", lambda sql, values=None: (asked.append((sql, values)), ask(sql, values))[1])
            directory.page(View(sort=sort, order=order, state="active", role="user", after=after))
        walks = [each for each in asked if "ORDER BY" in each[0]]
        assert len(walks) == 1
        assert by_index(crowd.engine, shown := explained(crowd.engine, *walks[0])), shown


def test_a_session_is_found_by_one_indexed_read(crowd):
    from webadmin.accounts.models import Account, Session
    read = Session.select(Session, Account).join(Account, on=(Session.account_id == Account.id)).where(Session.key_hash == "x" * 64)
    assert by_index(crowd.engine, shown := plan(crowd.engine, read), sorts=True), shown
    assert sessions.resume("x") is None


@pytest.mark.parametrize("wanted", [activity.Filter(), activity.Filter(group="change"), activity.Filter(kind="updated"), activity.Filter(after=200),
                                    activity.Filter(account=7), activity.Filter(kind="updated", after=200)],
                         ids=["all", "group", "kind", "after", "account", "kind-after"])
def test_the_log_is_read_along_an_index(crowd, wanted):
    from webadmin.accounts.models import Change
    query = Change.select().where(activity._condition(wanted))
    query = (query.where(Change.id < wanted.after) if wanted.after else query).order_by(Change.id.desc()).limit(51)
    shown = plan(crowd.engine, query)
    assert by_index(crowd.engine, shown, sorts=wanted.account is not None), shown


def test_names_are_looked_up_in_an_index(crowd):
    from webadmin.accounts.models import Account
    for column in (Account.username_key, Account.email_key):
        assert by_index(crowd.engine, shown := plan(crowd.engine, Account.select().where(column == "u7"))), shown
    assert users.named("u7") and changes.KINDS
