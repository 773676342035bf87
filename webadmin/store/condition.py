"""How the engine really works, asked from it: what pools.py wants of every connection, and whether it is so."""
from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from webadmin.store import database
from webadmin.store.pools import PRAGMAS

# name, statement, what is wanted; PRAGMAs answer by number where they are set by word
SERVERS = {
    "postgresql": [("fsync", "SHOW fsync", "on"), ("full_page_writes", "SHOW full_page_writes", "on"),
                   ("synchronous_commit", "SHOW synchronous_commit", "on")],
    "mariadb": [("innodb_flush_log_at_trx_commit", "SELECT @@innodb_flush_log_at_trx_commit", "1"),
                ("sync_binlog", "SELECT IF(@@log_bin, @@sync_binlog, 1)", "1"),
                ("tx_isolation", "SELECT @@tx_isolation", "READ-COMMITTED")]}
NUMBERS = {"synchronous": {"2": "full"}, "temp_store": {"2": "memory"}}
STRONGER = {"synchronous_commit": ("on", "remote_apply")}


class Fact(NamedTuple):
    """One setting of the engine: what it is on this connection, and what it should be."""

    name: str
    found: str
    wanted: str

    @property
    def well(self) -> bool:
        return self.found in STRONGER.get(self.name, (self.wanted,))


def facts() -> list[Fact]:
    """What decides whether an acknowledged write outlives a crash, on the open connection."""
    if database.engine() == "sqlite":
        asked = [(name, f"PRAGMA {name}", str(wanted)) for name, wanted in PRAGMAS]
    else:
        asked = SERVERS[database.engine()]
    return [Fact(name, _answer(name, statement), wanted) for name, statement, wanted in asked]


def version() -> str:
    """The engine and its version."""
    name, ask = {"sqlite": ("SQLite", "SELECT sqlite_version()"), "postgresql": ("PostgreSQL", "SHOW server_version"),
                 "mariadb": ("MariaDB", "SELECT version()")}[database.engine()]
    return f"{name} {_answer('', ask).split(' ')[0]}"


def size() -> int | None:
    """Bytes of the SQLite file and its log of writes; None for engines that look after that themselves."""
    if database.engine() != "sqlite":
        return None
    path = database.sqlite_path()
    return sum(each.stat().st_size for each in (path, Path(f"{path}-wal")) if each.exists())


def room() -> int | None:
    """Bytes that are free where the SQLite file is; None for engines that look after that themselves."""
    if database.engine() != "sqlite":
        return None
    disk = os.statvfs(database.sqlite_path().parent)
    return disk.f_bavail * disk.f_frsize


def _answer(name: str, statement: str) -> str:
    found = str(database.proxy.obj.execute_sql(statement).fetchone()[0])
    return NUMBERS.get(name, {}).get(found, found)
