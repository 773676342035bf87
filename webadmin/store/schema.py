"""The tables, brought up to this version by the numbered changes of webadmin/migrations, once and under a lock."""
from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee
from playhouse import migrations

from webadmin.store import database

MIGRATIONS = Path(__file__).parent.parent / "migrations"
MIGRATION_LOCK = 0x77656261       # "weba"
LOCK_SECONDS = 600


def migrate() -> list[str]:
    """Apply the numbered changes that are missing, once, under a lock, however many servers start together.

    Returns their names. Raises migrations.MigrationError where the store is newer than this program.
    """
    with database.connection(), _migrating():
        runner = migrations.Runner(database.proxy.obj, str(MIGRATIONS))
        if unknown := [each.name for each in runner.status() if each.path is None]:
            raise migrations.MigrationError(f"it was made by a newer version ({unknown[-1]})")
        return runner.up()


def is_older() -> bool:
    """The store was made by an older version of this program, and has not been changed for this one."""
    rows = migrations.Runner(database.proxy.obj, str(MIGRATIONS)).status()
    return any(row.applied for row in rows) and not all(row.applied for row in rows)


def create_tables(*tables: type[peewee.Model]) -> None:
    """For migrations. Text is compared by its code points, as Python does: lists are merged, and pages begin after a key."""
    for table in tables:
        table._meta.table_settings = ["CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"] if database.engine() == "mariadb" else None
        for field in table._meta.sorted_fields:
            if isinstance(field, (peewee.CharField, peewee.TextField)):
                field.collation = '"C"' if database.engine() == "postgresql" else None
    database.proxy.obj.create_tables(tables)


@contextmanager
def _migrating() -> Iterator[None]:
    if database.engine() == "sqlite" and database.is_read_only():
        yield      # nobody can change anything
        return
    if database.engine() == "sqlite":
        with open(database.sqlite_path().with_name(database.sqlite_path().name + ".migrating"), "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        return
    if database.engine() == "postgresql":
        with database.proxy.obj.atomic():      # all changes or none; a lock of the transaction also holds behind a pool of connections
            database.proxy.obj.execute_sql("SET LOCAL lock_timeout = 0")
            database.proxy.obj.execute_sql("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            yield
        return
    if database.proxy.obj.execute_sql("SELECT GET_LOCK(%s, %s)", (str(MIGRATION_LOCK), LOCK_SECONDS)).fetchone() != (1,):
        raise migrations.MigrationError("another server is changing it, and does not come to an end")
    try:
        yield
    finally:
        database.proxy.obj.execute_sql("SELECT RELEASE_LOCK(%s)", (str(MIGRATION_LOCK),))
