"""One pool of connections for each engine, made from a URL: what a connection is told, and how soon a dead one is known.

Every pool asks a connection whether it lives before it hands it out, so that an engine may restart or fail over at any time: the requests
under way fail, the next ones get a new connection.

SQLite is opened for safety first: WAL, synchronous=FULL (NORMAL loses acknowledged writes when the power
fails), every write transaction IMMEDIATE (a deferred one fails at once with "database is locked" after a read).
"""
from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import peewee
from playhouse.pool import PooledDatabase, PooledMySQLDatabase, PooledPostgresqlDatabase

from webadmin.settings import database_servers
from webadmin.store import sqlite_file
from webadmin.store.write_queue import BUSY_MS

CONNECTIONS = 150                 # more than any number of web threads; each opens one when it needs one
OLDEST_SECONDS = 300
CONNECT_SECONDS = 5               # for each server that the URL names
IDLE_SECONDS, AGAIN_SECONDS, LOOKS = 10, 5, 3      # a machine that is gone says nothing: it is asked after so long, so often
UNHEARD_MS = 1000 * (IDLE_SECONDS + LOOKS * AGAIN_SECONDS)
READ_COMMITTED = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"      # as on PostgreSQL: no locks on gaps, or writers deadlock
PRAGMAS = [("busy_timeout", BUSY_MS), ("journal_mode", "wal"), ("synchronous", "full"), ("foreign_keys", 1),
           ("trusted_schema", 0), ("secure_delete", 1), ("journal_size_limit", 64 * 1024 * 1024), ("temp_store", "memory")]
# A search in a large store reads some 2 MB, more than what SQLite keeps by itself. All connections of a process share the limit: beyond it
# each reuses its own pages.
MEMORY = [("cache_size", -4_000), ("soft_heap_limit", 32 * 1024 * 1024)]


class _Heard(threading.local):
    """What the engine said on this thread."""

    unreplicated = False


_heard = _Heard()


def of(url: str) -> PooledDatabase:
    """The pool of sqlite:///file, postgresql://... or mariadb://... . Opens nothing yet."""
    scheme = urlsplit(url).scheme
    return _sqlite(url) if scheme == "sqlite" else _postgresql(url) if scheme.startswith("postgres") else _mariadb(url)


@contextmanager
def replicated() -> Iterator[None]:
    """Raises OperationalError where PostgreSQL says of the block's commit that no standby may have it: somebody ended its waiting."""
    _heard.unreplicated = False
    yield
    if _heard.unreplicated:
        raise peewee.OperationalError("the write may not have been replicated: somebody ended its waiting for the standby")


def is_read_only(pool: Any) -> bool:
    """Whether nothing can be written: what the file system says, or the engine over the open connection."""
    if isinstance(pool, sqlite_file.Pool):
        return sqlite_file.is_read_only(Path(pool.database))
    ask = "SHOW transaction_read_only" if isinstance(pool, peewee.PostgresqlDatabase) else "SELECT @@read_only"
    return str(pool.execute_sql(ask).fetchone()[0]).lower() in ("on", "1")


def _sqlite(url: str) -> PooledDatabase:
    store = sqlite_file.Pool(unquote(urlsplit(url).path[1:]), pragmas=[*PRAGMAS, *MEMORY], lock_type="IMMEDIATE", check_same_thread=False,
                             autoconnect=False, max_connections=CONNECTIONS)
    store.register_function(lambda text, count: "\n".join(text.split("\n")[:count]), "FIRST_LINES", 2)
    store.register_function(lambda text: text.rpartition("\n")[2], "LAST_LINE", 1)
    store.register_function(lambda *parts: "".join(parts), "JOINED", -1)
    return store


def _postgresql(url: str) -> PooledDatabase:
    """The words after the ? are libpq's own, and win; but one: behind a pool of transactions no statement stays prepared."""
    servers, words = database_servers(url), dict(parse_qsl(urlsplit(url).query))
    given: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "keepalives_idle": IDLE_SECONDS, "keepalives_interval": AGAIN_SECONDS,
                             "keepalives_count": LOOKS, "tcp_user_timeout": UNHEARD_MS}
    if any(host for host, _ in servers):
        given |= {"host": ",".join(host for host, _ in servers), "port": ",".join(port for _, port in servers)}
    if len(servers) > 1:
        given["target_session_attrs"] = "read-write"      # a standby cannot write, and may be behind
    if words.pop("pool_mode", "") == "transaction":
        given["prepare_threshold"] = None
    return _Postgresql(_name(url), **_common(), **given | _user(url) | words)


def _mariadb(url: str) -> PooledDatabase:
    [(host, port)] = database_servers(url)
    place = "unix_socket" if host.startswith("/") else "host"
    where: dict[str, Any] = {**({place: host} if host else {}), **({"port": int(port)} if port else {})}
    return _MariaDB(_name(url), **_common(), **where, **_user(url), connect_timeout=CONNECT_SECONDS, charset="utf8mb4", mariadb=True,
                    init_command=READ_COMMITTED)


def _common() -> dict[str, Any]:
    return {"autoconnect": False, "max_connections": CONNECTIONS, "stale_timeout": OLDEST_SECONDS}


def _name(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/"))


def _user(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {name: unquote(value) for name, value in (("user", parts.username), ("password", parts.password)) if value}


class _ListeningPostgresql(peewee.PostgresqlDatabase):
    def _connect(self) -> Any:
        made = super()._connect()
        made.add_notice_handler(_note)
        return made


def _note(notice: Any) -> None:
    """By the name of the engine's own function: the sentence is in the operator's language."""
    if notice.source_function == "SyncRepWaitForLSN":
        _heard.unreplicated = True


class _Postgresql(PooledPostgresqlDatabase, _ListeningPostgresql):
    pass


class _WatchingMariaDB(peewee.MySQLDatabase):
    def _connect(self) -> Any:
        made = super()._connect()
        for option, value in (("TCP_KEEPIDLE", IDLE_SECONDS), ("TCP_KEEPINTVL", AGAIN_SECONDS), ("TCP_KEEPCNT", LOOKS),
                              ("TCP_USER_TIMEOUT", UNHEARD_MS)):      # a machine that is gone says nothing for a quarter of an hour
            with suppress(AttributeError, OSError):
                made._sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        return made


class _MariaDB(PooledMySQLDatabase, _WatchingMariaDB):
    pass
