"""Connections to a SQLite file, which may turn read-only and back while the server runs: each is opened as the file is just then."""
from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from peewee import SqliteDatabase
from playhouse.pool import PooledSqliteDatabase


def is_read_only(path: Path) -> bool:
    """True where the file can be read and, for its own sake, its folder's or its file system's, not written."""
    return os.access(path, os.R_OK) and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def readable(path: Path) -> str:
    """The address under which SQLite opens the file for reading alone.

    Without a log of writes beside it, in a folder where none can be made, it opens nothing that might change meanwhile: `immutable`.
    """
    alone = is_read_only(path) and not path.with_name(f"{path.name}-wal").exists()
    return f"file:{quote(str(path))}?mode=ro{'&immutable=1' if alone else ''}"


class _Reader(sqlite3.Connection):
    """A connection that was opened while the file could not be written."""


class _File(SqliteDatabase):
    def _connect(self) -> sqlite3.Connection:
        path = Path(self.database)
        if not is_read_only(path):
            return super()._connect()
        found = sqlite3.connect(readable(path), uri=True, factory=_Reader, isolation_level=None, **self.connect_params)
        self._add_conn_hooks(found)
        return found


class Pool(PooledSqliteDatabase, _File):
    def _is_closed(self, found: sqlite3.Connection) -> bool:
        """Asked before a connection is used again: one of the other kind is closed and another opened."""
        other = isinstance(found, _Reader) != is_read_only(Path(self.database))
        if other:
            self._close_raw(found)
        return other
