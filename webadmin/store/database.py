"""The store: connect by URL, one connection a request, transaction(). How the engines speak differently is in dialect.py.

SQLite is opened as safety.md, section 4, asks: WAL, synchronous=FULL (NORMAL loses acknowledged writes when the power
fails), every write transaction IMMEDIATE (a deferred one fails at once with "database is locked" after a read).
"""
from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import peewee
from peewee import IntegrityError, InterfaceError, OperationalError
from playhouse import migrations
from playhouse.pool import PooledMySQLDatabase, PooledPostgresqlDatabase, PooledSqliteDatabase

from webadmin.store.write_queue import BUSY_MS, WriteQueue

MINUTE_MS = 60_000
HOUR_MS, DAY_MS = 60 * MINUTE_MS, 24 * 60 * MINUTE_MS
MIGRATIONS = Path(__file__).parent.parent / "migrations"

CONNECTIONS = 150                 # more than any number of web threads; each opens one when it needs one
READ_COMMITTED = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"      # as on PostgreSQL: no locks on gaps, or writers deadlock
MIGRATION_LOCK = 0x77656261       # "weba"
PRAGMAS = [("busy_timeout", BUSY_MS), ("journal_mode", "wal"), ("synchronous", "full"), ("foreign_keys", 1),
           ("trusted_schema", 0), ("secure_delete", 1), ("journal_size_limit", 64 * 1024 * 1024), ("temp_store", "memory")]

proxy: Any = peewee.DatabaseProxy()
Unavailable = (OperationalError, InterfaceError, peewee.InternalError, peewee.DatabaseError)
__all__ = ["IntegrityError", "Unavailable", "bind", "connection", "engine", "migrate", "proxy", "snapshot", "transaction"]

_queue: WriteQueue | None = None


def bind(url: str) -> None:
    """Point the models at the store that `url` names: sqlite:///file, postgresql://... or mariadb://... . Opens nothing yet."""
    global _queue
    parts = urlsplit(url)
    _queue = None
    if parts.scheme == "sqlite":
        path = Path(unquote(parts.path[1:]))
        _queue = WriteQueue(path.with_name(path.name + ".lock"))
        store: Any = PooledSqliteDatabase(str(path), pragmas=PRAGMAS, lock_type="IMMEDIATE", check_same_thread=False,
                                          autoconnect=False, max_connections=CONNECTIONS)
        store.register_function(lambda text, count: "\n".join(text.split("\n")[:count]), "FIRST_LINES", 2)
        store.register_function(lambda text: text.rpartition("\n")[2], "LAST_LINE", 1)
        store.register_function(lambda *parts: "".join(parts), "JOINED", -1)
    else:
        where = {"host": parts.hostname, "port": parts.port, "user": unquote(parts.username or "") or None,
                 "password": unquote(parts.password or "") or None}
        given: dict[str, Any] = {name: value for name, value in where.items() if value is not None}
        pooled: Any = PooledPostgresqlDatabase if parts.scheme.startswith("postgres") else PooledMySQLDatabase
        extra: dict[str, Any] = {} if parts.scheme.startswith("postgres") else {
            "charset": "utf8mb4", "mariadb": True, "init_command": READ_COMMITTED}
        given |= dict(parse_qsl(parts.query))
        store = pooled(unquote(parts.path.lstrip("/")), autoconnect=False, max_connections=CONNECTIONS, stale_timeout=300, **given, **extra)
    proxy.initialize(store)


def engine() -> str:
    """"sqlite", "postgresql" or "mariadb": asked only where the engines differ."""
    if isinstance(proxy.obj, peewee.SqliteDatabase):
        return "sqlite"
    return "postgresql" if isinstance(proxy.obj, peewee.PostgresqlDatabase) else "mariadb"


def sqlite_path() -> Path:
    return Path(proxy.obj.database)


def forget_connections() -> None:
    """Close every idle connection; after a fork and at the end of a test. No connection may cross a fork."""
    proxy.obj.close_all() if hasattr(proxy.obj, "close_all") else proxy.obj.close()


@contextmanager
def connection() -> Iterator[None]:
    """One connection for the block, from the pool; inside another block the same one."""
    opened = proxy.obj.connect(reuse_if_open=True)
    try:
        yield
    except Unavailable:
        if opened and engine() != "sqlite":
            proxy.obj.manual_close()      # it may be dead: the next request gets another
            opened = False
        raise
    finally:
        if opened and not proxy.obj.is_closed():
            proxy.obj.close()


@contextmanager
def transaction() -> Iterator[None]:
    """All or nothing for the block; inside another transaction a part of that one.

    On SQLite writers queue here, in turn, over all processes: no writer starves while it polls the engine's own lock.
    """
    if proxy.obj.in_transaction():
        yield
        return
    with _queue or nullcontext(), proxy.obj.atomic():
        _ending.actions = []
        try:
            yield
            for action in _ending.actions:
                action()
        finally:
            _ending.actions = None


_ending = threading.local()


def at_the_end(action: Callable[[], object]) -> None:
    """Run `action` as the last thing of the transaction, after everything else has its rows; where there is none, in one of its own."""
    if getattr(_ending, "actions", None) is not None:
        _ending.actions.append(action)
        return
    with transaction():
        action()


def forget_overwritten() -> None:
    """Leave nothing of removed rows in SQLite's log of writes; where a reader holds it just now, the next checkpoint does."""
    if engine() == "sqlite" and not proxy.obj.in_transaction():
        with suppress(OperationalError):
            proxy.obj.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def snapshot() -> Iterator[None]:
    """One moment of the store for every read of the block, however long it takes; no writer waits for it."""
    begin = {"sqlite": ["BEGIN DEFERRED"], "postgresql": ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"],
             "mariadb": ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"]}
    for statement in begin[engine()]:
        proxy.obj.execute_sql(statement)
    try:
        yield
    finally:
        proxy.obj.execute_sql("ROLLBACK")


def migrate() -> list[str]:
    """Apply the numbered changes that are missing, once, under a lock, however many servers start together.

    Returns their names. Raises migrations.MigrationError where the store is newer than this program.
    """
    with connection(), _migrating():
        runner = migrations.Runner(proxy.obj, str(MIGRATIONS))
        if unknown := [each.name for each in runner.status() if each.path is None]:
            raise migrations.MigrationError(f"it was made by a newer version ({unknown[-1]})")
        return runner.up()


def is_older() -> bool:
    """The store was made by an older version of this program, and has not been changed for this one."""
    rows = migrations.Runner(proxy.obj, str(MIGRATIONS)).status()
    return any(row.applied for row in rows) and not all(row.applied for row in rows)


def create_tables(*tables: type[peewee.Model]) -> None:
    """For migrations. Text is compared by its code points, as Python does: lists are merged, and pages begin after a key."""
    for table in tables:
        table._meta.table_settings = ["CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"] if engine() == "mariadb" else None
        for field in table._meta.sorted_fields:
            if isinstance(field, (peewee.CharField, peewee.TextField)):
                field.collation = '"C"' if engine() == "postgresql" else None
    proxy.obj.create_tables(tables)


@contextmanager
def _migrating() -> Iterator[None]:
    if engine() == "sqlite":
        with open(sqlite_path().with_name(sqlite_path().name + ".migrating"), "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        return
    lock = MIGRATION_LOCK if engine() == "postgresql" else str(MIGRATION_LOCK)
    take, give = (("select pg_advisory_lock(%s)", "select pg_advisory_unlock(%s)") if engine() == "postgresql"
                  else ("select get_lock(%s, 600)", "select release_lock(%s)"))
    proxy.obj.execute_sql(take, (lock,))
    try:
        yield
    finally:
        proxy.obj.execute_sql(give, (lock,))


def now() -> int:
    """Milliseconds since 1970 UTC, the unit of every time in the store."""
    return time.time_ns() // 1_000_000
