"""Many rows at once, and the numbers that rows are given: what differs between the engines."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import peewee

from webadmin.store import database

AT_ONCE = 500


def insert(columns: Sequence[peewee.Field], rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert the rows by one prepared statement; their values stand in the order of `columns`, which are of one table.

    The rows are taken as they are needed, AT_ONCE at a time.
    """
    store = database.proxy.obj
    named = ", ".join(_quoted(field.column_name) for field in columns)
    values = ", ".join([store.param] * len(columns))
    statement = f"INSERT INTO {_quoted(columns[0].model._meta.table_name)} ({named}) VALUES ({values})"
    rows = iter(rows)
    while some := list(islice(rows, AT_ONCE)):
        with peewee.__exception_wrapper__:
            store.cursor().executemany(statement, some)


def find(columns: Sequence[peewee.Field], key: peewee.Field, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """These columns, as the engine gives them, of the rows whose `key` is among the values."""
    if not values:
        return []
    named = ", ".join(_quoted(field.column_name) for field in columns)
    places = ", ".join([database.proxy.obj.param] * len(values))
    statement = f"SELECT {named} FROM {_quoted(key.model._meta.table_name)} WHERE {_quoted(key.column_name)} IN ({places})"
    return database.proxy.obj.execute_sql(statement, values).fetchall()


def ids_to_come(table: type[peewee.Model], count: int) -> range | None:
    """On SQLite, inside a transaction: the next numbers of this table, for the caller to use. Elsewhere rows are asked for theirs."""
    return range(last_id(table) + 1, last_id(table) + 1 + count) if database.engine() == "sqlite" else None


def last_id(table: type[peewee.Model]) -> int:
    """The highest number that a row of this table was ever given, 0 where none was."""
    name = table._meta.table_name
    if database.engine() == "sqlite":
        return _one("SELECT seq FROM sqlite_sequence WHERE name = ?", (name,)) or 0
    if database.engine() == "postgresql":
        return _one(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {_sequence(name)}")
    return _one("SELECT auto_increment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s", (name,)) - 1


def set_last_id(table: type[peewee.Model], number: int) -> None:
    """From now on rows get higher numbers than this. On MariaDB this ends the transaction."""
    name, store = table._meta.table_name, database.proxy.obj
    if not number:
        return
    if database.engine() == "sqlite":
        store.execute_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        store.execute_sql("INSERT INTO sqlite_sequence(name, seq) VALUES (?, ?)", (name, number))
    elif database.engine() == "postgresql":
        store.execute_sql(f"SELECT setval('{_sequence(name)}', %s)", (number,))
    else:
        store.execute_sql(f"ALTER TABLE {_quoted(name)} AUTO_INCREMENT = {number + 1}")


def _one(statement: str, values: tuple[Any, ...] = ()) -> int:
    row = database.proxy.obj.execute_sql(statement, values).fetchone()
    return int(row[0]) if row else 0


def _sequence(table: str) -> str:
    return f"{table}_id_seq"


def _quoted(name: str) -> str:
    opening, closing = database.proxy.obj.quote
    return f"{opening}{name}{closing}"
