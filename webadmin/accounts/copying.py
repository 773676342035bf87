"""A whole store into an empty one, of any engine: every table, with the numbers of its rows, compared before the copy counts."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from peewee import PeeweeException
from playhouse.migrations import MigrationError

from webadmin import settings
from webadmin.accounts import changes, search
from webadmin.accounts.errors import AccountError
from webadmin.accounts.models import Account, Change, Model
from webadmin.accounts.models.accounts import EmailSort
from webadmin.accounts.models.base import Id
from webadmin.accounts.models.shelves import Shelf
from webadmin.store import bulk, database, schema

PAGE = 1_000
GENERATED = (Shelf, EmailSort)


class CopyRefused(AccountError):
    """Why nothing was copied."""


def copy(source_url: str, target_url: str) -> Iterator[tuple[str, int]]:
    """Copy every table; yields its name and number of rows when it was found equal on both sides. All or nothing. Raises CopyRefused.

    While it runs nobody else writes to the source. Keys are files beside the store and not part of it.
    """
    try:
        settings.database(target_url)
    except ValueError as wrong:
        raise CopyRefused(f"The address {wrong}.") from None
    database.forget_connections()
    database.bind(source_url)
    source = database.proxy.obj
    try:
        with source.connection_context(), source.atomic(*(() if database.engine() == "sqlite" else ("REPEATABLE READ",))):
            changes.ends(held=True)      # every writer waits for it; on SQLite for the transaction itself
            numbers = {table: bulk.last_id(table) for table in _tables() if isinstance(table._meta.primary_key, Id)}
            _prepare(target_url)
            with database.connection():
                yield from _fill(source, numbers)
    except (PeeweeException, MigrationError, OSError) as wrong:
        raise CopyRefused(f"The copy failed, and nothing was kept of it: {str(wrong).splitlines()[0]}") from None
    finally:
        source.close_all()
        database.forget_connections()
        database.bind(source_url)


def _tables() -> list[type[Model]]:
    return sorted(Model.__subclasses__(), key=lambda table: table._meta.table_name)


def _prepare(url: str) -> None:
    """Make the target's tables. From here on the models point there."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        Path(unquote(parts.path[1:])).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    database.bind(url)
    schema.migrate()


def _fill(source: Any, numbers: dict[type[Model], int]) -> Iterator[tuple[str, int]]:
    if Account.select().exists() or Change.select().exists():
        raise CopyRefused("There are accounts, or a log, in the database that you named: choose an empty one.")
    for table, number in numbers.items():
        bulk.set_last_id(table, number)      # first, for on MariaDB it would end the transaction
    with database.transaction():
        for table in _tables():
            table.delete().execute()         # what a start leaves in an empty store
            yield table._meta.table_name, _copied(table, source)
        search.rebuild()


def _copied(table: type[Model], source: Any) -> int:
    """How many rows were copied. Raises CopyRefused where the two sides then differ."""
    here, there = hashlib.sha256(), hashlib.sha256()
    bulk.insert(_fields(table), _digested(_rows(table, source), here))
    count = sum(1 for _ in _digested(_rows(table, database.proxy.obj), there))
    if here.digest() != there.digest():
        raise CopyRefused(f"The rows of {table._meta.table_name} came out different: nothing was kept of the copy.")
    return count


def _digested(rows: Iterator[tuple[Any, ...]], whole: Any) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        whole.update(json.dumps(row).encode())
        yield row


def _fields(table: type[Model]) -> list[Any]:
    return [field for field in table._meta.sorted_fields if not isinstance(field, GENERATED)]


def _rows(table: type[Model], store: Any) -> Iterator[tuple[Any, ...]]:
    """In the order of their keys, a page a read."""
    columns, key = _fields(table), table._meta.primary_key
    query = table.select(*columns).order_by(key).limit(PAGE)
    rows = list(query.tuples().execute(store))
    while rows:
        yield from rows
        rows = list(query.where(key > rows[-1][columns.index(key)]).tuples().execute(store)) if len(rows) == PAGE else []
