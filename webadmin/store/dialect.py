"""How the engines say the same thing differently: expressions and statements for queries that all three run."""
from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import peewee
from peewee import fn

from webadmin.store.database import engine, proxy

READ_THROUGH_KIB = 512


class TooMuchWork(Exception):
    """A statement took more steps than it was given."""


@contextmanager
def at_most(steps: int) -> Iterator[None]:
    """On SQLite: statements of this block end after so many steps of its machine, some fifteen for a row. Raises TooMuchWork."""
    connection = proxy.obj.connection()
    connection.set_progress_handler(lambda: 1, steps)
    try:
        yield
    except (peewee.OperationalError, sqlite3.OperationalError) as stopped:
        if str(stopped) != "interrupted":
            raise
        raise TooMuchWork from None
    finally:
        connection.set_progress_handler(None, 0)


def contains(column: peewee.Field, part: str) -> peewee.Expression:
    """The text of `column` holds `part`, letter for letter."""
    return (fn.STRPOS if engine() == "postgresql" else fn.INSTR)(column, part) > 0


def first_lines(column: peewee.Field, count: int) -> Any:
    """The first `count` lines of a text of more lines."""
    if engine() == "mariadb":
        return fn.SUBSTRING_INDEX(column, "\n", count)
    if engine() == "postgresql":
        return fn.CONCAT_WS("\n", *(fn.SPLIT_PART(column, "\n", line + 1) for line in range(count)))
    return fn.FIRST_LINES(column, count)


def last_line(column: peewee.Field) -> Any:
    if engine() == "mariadb":
        return fn.SUBSTRING_INDEX(column, "\n", -1)
    return fn.SPLIT_PART(column, "\n", -1) if engine() == "postgresql" else fn.LAST_LINE(column)


def joined(*parts: Any) -> Any:
    """One text of several."""
    if engine() == "postgresql":
        return fn.CONCAT(*(peewee.Cast(part, "text") for part in parts))
    return fn.CONCAT(*parts) if engine() == "mariadb" else fn.JOINED(*parts)


def json_object(**columns: Any) -> Any:
    """An SQL expression: one JSON object of these columns, as text."""
    parts = [part for name, column in columns.items() for part in (peewee.Value(name), column)]
    if engine() == "postgresql":
        return fn.JSON_BUILD_OBJECT(*(_typed(part) for part in parts)).cast("text")
    return fn.JSON_OBJECT(*parts)


def _typed(part: Any) -> Any:
    """PostgreSQL asks for the type of a value that stands alone."""
    if not isinstance(part, peewee.Value):
        return part
    return peewee.Cast(part, "bigint" if isinstance(part.value, int) else "text")


def unindexed(column: peewee.Field) -> Any:
    """The column, but not by its index: SQLite knows no better than to take that one where another finds the few rows."""
    return _Unindexed(column) if engine() == "sqlite" else column


class _Unindexed(peewee.WrappedNode):
    def __sql__(self, ctx: peewee.Context) -> peewee.Context:
        return ctx.literal("+").sql(self.node)


def locked(rows: peewee.ModelSelect) -> peewee.ModelSelect:
    """The rows, held until the transaction ends; SQLite has one writer anyway."""
    return rows if engine() == "sqlite" else rows.for_update()


def insert_once(row: peewee.Insert, key: peewee.Field) -> None:
    """Insert the row unless its `key` is there, and hold it either way: a row that was there might be removed before it is read. (MariaDB's
    IGNORE would share the other's lock, and two who share one block each other.)"""
    if engine() == "sqlite":
        row.on_conflict_ignore().execute()
    else:
        row.on_conflict(conflict_target=[key] if engine() == "postgresql" else None, update={key: key}).execute()


@contextmanager
def reading_through() -> Iterator[None]:
    """For who reads a whole table on this connection: SQLite keeps little of it in memory, for nobody comes back to it."""
    if engine() != "sqlite":
        yield
        return
    usual = proxy.obj.pragma("cache_size")
    proxy.obj.pragma("cache_size", -READ_THROUGH_KIB)
    try:
        yield
    finally:
        proxy.obj.pragma("cache_size", usual)


def forget_overwritten() -> None:
    """Leave nothing of removed rows in SQLite's log of writes; where a reader holds it just now, the next checkpoint does."""
    if engine() == "sqlite" and not proxy.obj.in_transaction():
        with suppress(peewee.OperationalError):
            proxy.obj.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def beyond(column: peewee.Field, key: peewee.Field, start: tuple[Any, Any], down: bool) -> Any:
    """The rows that follow the place `start` in the order of column and key. MariaDB finds no place in an index by a pair of values."""
    value, number = start
    if engine() != "mariadb":
        here, there = peewee.Tuple(column, key), peewee.Tuple(value, number)
        return here < there if down else here > there
    if down:
        return (column < value) | ((column == value) & (key < number))
    return (column > value) | ((column == value) & (key > number))
