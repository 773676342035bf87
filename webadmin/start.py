"""What happens before the first request: data folder, keys, database, first administrator, set-up link."""
from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from peewee import PeeweeException
from playhouse.migrations import MigrationError

from webadmin import backups
from webadmin.accounts import hashing, keyring, keys, links, passwords, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.errors import AccountError
from webadmin.settings import Settings, without_secrets
from webadmin.store import condition, database, occupied, schema, sqlite_file

CHECK_SECONDS = 0.1


class StartError(Exception):
    """Why the program cannot start; one sentence for the person who started it."""


def prepare(settings: Settings) -> str | None:
    """Make what is missing. Returns the address of a new set-up link while there is no administrator, else None."""
    open_store(settings)
    with database.connection():
        if users.administrator_exists():
            return None
        if database.is_read_only():
            raise StartError("There is no administrator yet, and the database is read-only: make it writable, and start again.")
        if settings.admin_username:
            _preset(settings)
            hashing.rest()
            return None
        return set_up_link(settings)


def open_store(settings: Settings) -> None:
    """Keys and database, brought up to this version; every connection closed again, so that a fork may follow."""
    _open(settings, keyring.must_fit, keyring.remember)


def open_with_new_keys(settings: Settings) -> list[str]:
    """The same, going on without keys that are lost. Returns their names."""
    lost: list[str] = []
    _open(settings, lambda: lost.extend(keyring.lost()), lambda: keyring.renew(lost, by=COMMAND_LINE) if lost else keyring.remember())
    return lost


def _open(settings: Settings, look: Callable[[], object], settle: Callable[[], object]) -> None:
    """`look` judges the keys that are there, before any is made or anything written; `settle` keeps what is known of them."""
    with _telling_why(settings):
        _folder(settings.data)
        keys.read(settings.keys)
        database.bind(settings.database_url)
        passwords.configure(bcrypt_cost=settings.bcrypt_cost, threads=settings.threads)
        is_file = database.engine() == "sqlite"
        if is_file:
            _check_file(database.sqlite_path())
            occupied.share(database.sqlite_path())
        _within(look)
        keys.load(settings.keys)
        if is_file:
            _back_up_before_change(settings)
        schema.migrate()
        _within(settle)
        if is_file and not database.is_read_only():
            _within(_check_settings)


@contextmanager
def _telling_why(settings: Settings) -> Iterator[None]:
    """What goes wrong becomes a sentence; every connection is closed in the end."""
    try:
        yield
    except (keys.KeyRefused, keyring.KeysLost) as wrong:
        raise StartError(str(wrong)) from None
    except occupied.Occupied:
        raise StartError("A backup is being put back into this database: start again when that is done.") from None
    except backups.BackupError as wrong:
        raise StartError(f"{wrong} It comes before the database is changed for this version.") from None
    except MigrationError as wrong:
        raise StartError(f"The database cannot be used: {wrong}.") from None
    except (PeeweeException, sqlite3.DatabaseError) as wrong:
        where = without_secrets(settings.database_url)
        raise StartError(f"The database cannot be opened ({where}): {str(wrong).splitlines()[0]}") from None
    except OSError as wrong:
        raise StartError(f"{wrong.filename} cannot be used: {wrong.strerror}.") from None
    finally:
        if database.proxy.obj is not None:
            database.forget_connections()


def _check_settings() -> None:
    """SQLite does not say by itself that a file system knows no log of writes."""
    for fact in condition.facts():
        if not fact.well:
            raise StartError(f"The database works with {fact.name} {fact.found}, and is safe with {fact.wanted}: choose another folder.")


def _within(work: Callable[[], object]) -> None:
    with database.connection():
        work()


def _back_up_before_change(settings: Settings) -> None:
    """A database of an older version is kept as it is, before it becomes one of this version."""
    with database.connection():
        older = schema.is_older()
    if older:
        folder = settings.backups
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        backups.make(folder / f"before-update-{backups.stamp()}-{secrets.token_hex(2)}.db")


def set_up_link(settings: Settings) -> str:
    """The address of a new set-up link; the older ones are dead."""
    return f"{settings.address}/setup/{links.make_set_up()}"


def _preset(settings: Settings) -> None:
    try:
        users.create_first_administrator(settings.admin_username, "", settings.admin_password, by=COMMAND_LINE, token=None)
    except AccountError as wrong:
        if users.administrator_exists():
            return      # another server was quicker
        raise StartError(f"WEBADMIN_ADMIN_USERNAME and WEBADMIN_ADMIN_PASSWORD make no administrator: {wrong.sentence}") from None


def _folder(path: Path) -> None:
    os.umask(0o077)      # the database, its log and its backups are nobody else's
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _make_file(path: Path) -> None:
    """A database without tables, under its name at once: whoever starts at the same time, or is killed here, meets no half of one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    with closing(sqlite3.connect(draft)) as made:
        made.execute("PRAGMA journal_mode = WAL")
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _looks_whole(found: sqlite3.Connection) -> bool:
    """SQLite's own quick check, as much of it as CHECK_SECONDS allow: a million accounts take three seconds, and a start less than one."""
    last_moment = time.monotonic() + CHECK_SECONDS
    found.set_progress_handler(lambda: time.monotonic() > last_moment, 10_000)
    try:
        return bool(found.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.OperationalError as stopped:
        if str(stopped) != "interrupted":
            raise
        return True
    finally:
        found.set_progress_handler(None, 0)


def _check_file(path: Path) -> None:
    """Refuse a file that is no database of ours, untouched, before anything is written to it."""
    if not path.exists():
        _make_file(path)
        return
    if path.stat().st_size == 0:
        raise StartError(f"{path} is empty, and a database never is: put back a backup, or remove the file to begin anew.")
    found = sqlite3.connect(sqlite_file.readable(path), uri=True)
    try:
        if not _looks_whole(found):
            raise StartError(f"{path} is damaged: put back a backup.")
        tables = {row[0] for row in found.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError:
        raise StartError(f"{path} is no database, or a damaged one: put back a backup.") from None
    finally:
        found.close()
    if tables and "schema_migration" not in tables:
        raise StartError(f"{path} is the database of another program: choose another WEBADMIN_DATA.")
