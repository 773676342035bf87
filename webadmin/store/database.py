"""The store: one connection a request, transaction(). How it is opened is in pools.py, how the engines speak differently in dialect.py."""
from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

import peewee
from peewee import DatabaseError, IntegrityError, InterfaceError, OperationalError

from webadmin.store import pools
from webadmin.store.write_queue import WriteQueue

MINUTE_MS = 60_000
HOUR_MS, DAY_MS = 60 * MINUTE_MS, 24 * 60 * MINUTE_MS
DAY_SECONDS = DAY_MS // 1000

LOOK_SECONDS = 1                   # between two questions to a server whether it can be written
RUNS, LONGEST_PAUSE_SECONDS = 4, 0.05
GIVEN_UP = ("40001", "40P01")      # SQLSTATE: a serialization failure, on MariaDB a deadlock too; PostgreSQL's deadlock
Result = TypeVar("Result")

proxy: Any = peewee.DatabaseProxy()
Unavailable = (InterfaceError, DatabaseError)      # a damaged file raises the base; so IntegrityError, of a well store, is in it
__all__ = ["IntegrityError", "ReadOnly", "Unavailable", "again", "at_the_end", "bind", "can_write", "connection", "engine",
           "forget_connections", "is_read_only", "now", "proxy", "snapshot", "sqlite_path", "transaction"]

_queue: WriteQueue | None = None
_seen: dict[str, float] = {"at": -LOOK_SECONDS, "read_only": False, "failed": False}      # the last look at it, and the last write


def bind(url: str) -> None:
    """Point the models at the store that `url` names. Opens nothing yet."""
    global _queue
    pool = pools.of(url)
    proxy.initialize(pool)
    path = Path(pool.database)
    _queue = WriteQueue(path.with_name(path.name + ".lock")) if engine() == "sqlite" else None
    _seen["failed"] = False


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
    with _telling_read_only(), _queue or nullcontext(), pools.replicated(), _counted(), proxy.obj.atomic():
        _this.actions = []
        try:
            yield
            for action in _this.actions:
                action()
        finally:
            _this.actions = None


class ReadOnly(OperationalError):
    """The store can be read, and nothing written: a file system mounted so, a standby, a file that is another's."""


def is_read_only() -> bool:
    """True where the store can be read and not written. Asks the file system (8 us); a server elsewhere once a second at most."""
    if engine() != "sqlite" and time.monotonic() - _seen["at"] < LOOK_SECONDS:
        return bool(_seen["read_only"])
    return _look_whether_read_only()


def can_write() -> bool:
    """False where the store is read-only, or refused this process's last write."""
    return not (_seen["failed"] or is_read_only())


@contextmanager
def _telling_read_only() -> Iterator[None]:
    try:
        yield
    except Unavailable as wrong:
        if _look_whether_read_only():
            raise ReadOnly(*wrong.args) from wrong
        raise


def _look_whether_read_only() -> bool:
    _seen.update(at=time.monotonic(), read_only=False)      # a store that does not even answer is gone, which is another thing
    with suppress(*Unavailable), connection():
        _seen["read_only"] = pools.is_read_only(proxy.obj)
    return bool(_seen["read_only"])


class _This(threading.local):
    """What this thread is about."""

    actions: list[Callable[[], object]] | None = None      # for the end of its transaction
    writes = 0                                             # transactions that stand, or may stand


_this = _This()


@contextmanager
def _counted() -> Iterator[None]:
    try:
        yield
    except Unavailable as wrong:
        _this.writes += not _given_up(wrong)      # a commit whose answer was lost may stand
        _seen["failed"] = not (_given_up(wrong) or isinstance(wrong, IntegrityError))
        raise
    _this.writes += 1
    _seen["failed"] = False


def again(work: Callable[[], Result]) -> Result:
    """What `work` returns. Where the engine gave up its transaction for another one's sake (a deadlock, a serialization failure), it runs
    once more, RUNS times in all; never where something that it wrote before may stand."""
    for _ in range(RUNS - 1):
        writes = _this.writes
        try:
            return work()
        except Unavailable as wrong:
            if not _given_up(wrong) or _this.writes != writes:
                raise
        time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
    return work()


def _given_up(wrong: Exception) -> bool:
    """The engine says that nothing of the transaction stands, and that it can be run again."""
    return getattr(getattr(wrong, "orig", None), "sqlstate", None) in GIVEN_UP


def at_the_end(action: Callable[[], object]) -> None:
    """Run `action` as the last thing of the transaction, after everything else has its rows; where there is none, in one of its own."""
    if _this.actions is not None:
        _this.actions.append(action)
        return
    with transaction():
        action()


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


def now() -> int:
    """Milliseconds since 1970 UTC, the unit of every time in the store."""
    return time.time_ns() // 1_000_000
