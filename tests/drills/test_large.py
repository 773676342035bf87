"""PostgreSQL and MariaDB with many accounts: how many rows each page makes the engine read. The full form has 100,000 and as long a log."""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.drills.console import times
from webadmin.accounts import activity, changes, directory, tokens, users, views, walks
from webadmin.accounts.directory import Place, View
from webadmin.accounts.models import Account, Detail, LogHead
from webadmin.store import database

ACCOUNTS = times(6_000, 100_000)
PAGE_READS = 700             # 50 rows of each shelf, then the 50 that are shown, and the same again by MariaDB's way of counting
WALK_READS = 3 * walks.BUDGET * len(walks.STATES)
LOG_READS = 3_000            # PostgreSQL walks the whole log where one entry in forty is wanted
MOMENT = 1_700_000_000_000
ROWS = {"postgresql": "generate_series(1::bigint, {count}) AS n", "mariadb": "(SELECT seq AS n FROM seq_1_to_{count}) AS numbers"}
HASHES = {"postgresql": "md5('{salt}' || n)", "mariadb": "md5(concat('{salt}', n))"}      # names in no order
STATEMENTS = (
    """INSERT INTO account(object_id, username, username_key, email, email_key, display_name, display_key, first_name, last_name, role, is_chirpy_red,
       epoch, version, active, must_change_password, last_signed_in_at, created_at, updated_at, deleted_at, search_text)
       SELECT substr({one}, 1, 24), {one}, {one}, {mail}, {mail}, {two}, {two}, '', '', CASE WHEN MOD(n, 500) = 0 THEN 2 ELSE 1 END, false, 1, 1, MOD(n, 20) > 0,
       false, CASE WHEN MOD(n, 3) = 0 THEN 0 ELSE {moment} - MOD(n, 1000) * 86400000 END, {moment} + n, {moment} + n,
       CASE WHEN MOD(n, 30) = 1 THEN {moment} ELSE NULL END, {one} FROM {rows}""",
    """INSERT INTO `change`(id, at, kind, kind_group, actor_id, door, source, request_id, reason, account_id, accounts, digest, seal, blank_mark)
       SELECT n, {moment} + n, CASE WHEN MOD(n, 9) = 0 THEN 'deleted' ELSE 'signed-in' END, CASE WHEN MOD(n, 9) = 0 THEN 'change' ELSE 'sign-in' END, {first} + MOD(n, 40),
       'browser', '', '', '', {first} + MOD(n, 1000), 1, '', '', '' FROM {rows}""",
    "INSERT INTO detail(change_id, account_id, `before`, after) SELECT n, {first} + MOD(n, 1000), '{{}}', '{{}}' FROM {rows}",
)


@pytest.fixture(params=["postgresql", "mariadb"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def large(store: Any) -> Any:
    """Many accounts in every state, and a log. The engine's own planner chooses how they are read."""
    words = {name: HASHES[store.engine].format(salt=name) for name in ("one", "two")}
    mail = "concat({one}, '@example.com')".format(**words)
    for statement in STATEMENTS:
        first = Account.select(Account.id).order_by(Account.id).limit(1).scalar() or 0
        text = statement.format(**words, mail=mail, moment=MOMENT, first=first, rows=ROWS[store.engine].format(count=ACCOUNTS))
        database.proxy.obj.execute_sql(text.replace("`", '"') if store.engine == "postgresql" else text)
    LogHead.update(change_id=ACCOUNTS).execute()
    database.proxy.obj.execute_sql("ANALYZE" if store.engine == "postgresql" else "ANALYZE TABLE account, `change`, detail")
    return store


def read(engine: str, act: Callable[[], Any]) -> int:
    """How many rows, or entries of an index, the engine read for this."""
    ask = database.proxy.obj.execute_sql
    if engine == "mariadb":
        before = _handlers()
        act()
        return _handlers() - before
    with database.transaction():
        ask("SELECT pg_stat_clear_snapshot()")
        before = _tuples()
        act()
        return _tuples() - before


def _handlers() -> int:
    rows = database.proxy.obj.execute_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'", ()).fetchall()
    return sum(int(count) for _, count in rows)


def _tuples() -> int:
    sql = "SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0) FROM pg_stat_xact_user_tables"
    return int(database.proxy.obj.execute_sql(sql).fetchone()[0])


def middle(sort: str) -> str:
    column = directory.SORTS[sort]
    row = Account.select(column, Account.id).where(Account.shelf == 0).order_by(column, Account.id).offset(ACCOUNTS // 3).limit(1).tuples()[0]
    return directory._cursor(Place(0, *row))


def test_a_page_costs_the_same_wherever_it_is(large: Any) -> None:
    worst, slowest = 0, 0.0
    for sort in directory.SORTS:
        directory.page(View(sort=sort))      # counted once after each write
        for order in ("asc", "desc"):
            first = View(sort=sort, order=order)
            for view in (first, replace(first, after=middle(sort)), replace(first, before=middle(sort)), replace(first, before="")):
                begun = time.perf_counter()
                assert len(directory.page(view).rows) == 50
                slowest = max(slowest, time.perf_counter() - begun)
                reads = read(large.engine, lambda: directory.page(view))
                worst = max(worst, reads)
                assert reads <= PAGE_READS, (view, reads)
    print(f"{large.engine}, {ACCOUNTS} accounts: a page reads {worst} rows at most, in {slowest * 1000:.0f} ms at most")


def test_a_filter_and_a_search_for_a_beginning_stay_within_their_budget(large: Any) -> None:
    some = Account.select(Account.username).limit(1).scalar()
    for given in (*({"last_signed_in": seen} for seen in views.SEEN), {"q": some[:2]}, {"q": some[:1]}):
        directory.page(View())
        begun = time.perf_counter()
        reads = read(large.engine, lambda: directory.page(View(**given)))
        print(f"{large.engine}: {given} reads {reads} rows in {1000 * (time.perf_counter() - begun):.0f} ms")
        assert reads <= WALK_READS, (given, reads)


def test_a_look_up_reads_what_it_gives(large: Any) -> None:
    account = Account.select().where(Account.shelf == 0).get()
    acts: dict[str, Callable[[], object]] = {
        "username": lambda: users.named(account.username), "e-mail": lambda: users.named(account.email), "number": lambda: users.find(account.id),
        "token": lambda: account.may_sign_in and tokens.BY_API_TOKEN.first("x"), "administrator": users.administrator_exists}
    for name, act in acts.items():
        assert read(large.engine, act) <= 5, name


def test_a_purge_reads_the_entries_of_one_person(large: Any) -> None:
    account = Account.select().order_by(Account.id).offset(7).get()
    entries = Detail.select().where(Detail.account_id == account.id).count()
    with database.transaction():
        reads = read(large.engine, lambda: changes.blank(account.id, ACCOUNTS))
        print(f"{large.engine}: {entries} entries blanked, {reads} rows read")
        assert entries > 5 and reads <= 40 * entries


def test_the_log_is_read_where_it_is_wanted(large: Any) -> None:
    account = Account.select().order_by(Account.id).offset(7).get()
    half = ACCOUNTS // 2

    def reads(given: dict[str, Any]) -> int:
        return read(large.engine, lambda: activity.page(activity.Filter(**given)))
    found = {"history": read(large.engine, lambda: activity.history(account, 8))}
    for given in ({}, {"group": "change"}, {"kind": "deleted"}, {"account": account.id}, {"person": account.username}, {"since": MOMENT + half},
                  {"until": MOMENT + half}, {"kind": "deleted", "after": half}):
        found[str(given)] = reads(given)
    print(f"{large.engine}, {ACCOUNTS} entries of the log: rows read {found}")
    assert max(found.values()) <= LOG_READS and found["history"] <= ACCOUNTS // 100
