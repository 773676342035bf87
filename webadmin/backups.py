"""Backups of the SQLite store: one consistent moment, made while servers write; and putting one back.

Keys are in no backup: they stand in files of their own. PostgreSQL and MariaDB have tools that do this better.
"""
from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from peewee import PeeweeException
from playhouse.migrations import Migration, MigrationError

from webadmin.accounts import changes, keyring, keys, sessions
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.changes import Kind
from webadmin.accounts.second_factors import recovery
from webadmin.store import database, occupied, schema, sqlite_file
from webadmin.store.database import DAY_SECONDS
from webadmin.store.write_queue import BUSY_MS

TOOLS = {"postgresql": "pg_dump", "mariadb": "mariadb-dump --single-transaction"}
AFTER = ("", "-wal", "-shm", "-journal", ".lock", ".migrating")      # what stands beside a database
SCHEDULED = "webadmin-"      # how the names of those begin that the clock makes
SKIPPED_NUMBERS = 1 << 32      # tokens that were given after the backup carry numbers that must not be given again


class BackupError(Exception):
    """Why a backup cannot be made or put back; one sentence."""


def make(target: Path) -> None:
    """Write a backup, readable by its owner alone: beside its place first, then renamed. Raises BackupError."""
    _must_be_sqlite()
    if target.exists():
        raise BackupError(f"{target} is there already: choose another name.")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        _copy(database.sqlite_path(), draft)
        os.rename(draft, target)
        keys.sync(target.parent)
    except (OSError, sqlite3.Error) as wrong:
        raise BackupError(f"The backup {target} cannot be written: {wrong}.") from None
    finally:
        _remove(draft)


def make_scheduled(folder: Path, keep_days: int) -> Path:
    """One more backup in the folder; those older than `keep_days` are removed once it is there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = folder / f"{SCHEDULED}{stamp()}.db"
    make(made)
    for old in folder.glob(f"{SCHEDULED}*.db"):
        if old != made and old.stat().st_mtime < time.time() - keep_days * DAY_SECONDS:
            old.unlink(missing_ok=True)
    for begun in folder.glob(f".{SCHEDULED}*.part*"):      # of a process that was killed at it
        if begun.stat().st_mtime < time.time() - DAY_SECONDS:
            begun.unlink(missing_ok=True)
    return made


class Kept(NamedTuple):
    """One file; `made_at` in milliseconds since 1970 UTC."""

    name: str
    bytes: int
    made_at: int


def kept(folder: Path) -> list[Kept]:
    """The backups in the folder, the newest first; those that an update made too."""
    found = []
    for path in folder.glob("*.db"):
        with suppress(FileNotFoundError):      # another process is removing old ones
            found.append(Kept(path.name, path.stat().st_size, path.stat().st_mtime_ns // 1_000_000))
    return sorted(found, key=lambda each: each.made_at, reverse=True)


class Restored(NamedTuple):
    """Where the old database is, None where there was none; and how many accounts have lost their recovery codes."""

    old: Path | None
    without_codes: int


def restore(source: Path) -> Restored:
    """Put a backup in the place of the database, which is kept beside. No server may run, the keys are those of the backup, or BackupError.

    Every session and login of the backup ends before anybody can use it. Its recovery codes go, for it does not know which were used since.
    """
    return _put_back(source, _no_key_is_lost)


def restore_with_new_keys(source: Path) -> Restored:
    """The same, going on without keys that are lost."""
    return _put_back(source, keyring.lost)


def _put_back(source: Path, lost_keys: Callable[[], list[str]]) -> Restored:
    _must_be_sqlite()
    check(source)
    place = database.sqlite_path()
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        occupied.have_alone(place)
        without_codes = _prepare(source, place.with_name(f"{place.name}.restoring"), _numbers(place), lost_keys)
        kept = _put_aside(place)
        os.replace(place.with_name(f"{place.name}.restoring"), place)
        keys.sync(place.parent)
    except keyring.KeysLost as wrong:
        raise BackupError(f"{wrong} A backup is put back without them by --new-keys. The database is as it was.") from None
    except occupied.Occupied:
        raise BackupError("A server or another command uses the database: end it first.") from None
    except (OSError, sqlite3.Error, PeeweeException, MigrationError) as wrong:
        raise BackupError(f"The backup cannot be put back: {wrong}. The database is as it was.") from None
    finally:
        database.bind(_url(place))
    return Restored(kept, without_codes)


def check(path: Path) -> None:
    """The file is whole, ours, and no newer than this program. Raises BackupError."""
    if not path.is_file() or path.stat().st_size == 0:
        raise BackupError(f"{path} is no backup: there is no such file, or nothing in it.")
    try:
        with closing(sqlite3.connect(sqlite_file.readable(path.resolve()), uri=True)) as found:
            whole = found.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
            tables = {row[0] for row in found.execute("SELECT name FROM sqlite_master")}
            applied = {row[0] for row in found.execute("SELECT name FROM schema_migration")} if "schema_migration" in tables else set()
    except sqlite3.DatabaseError:
        raise BackupError(f"{path} is no backup, or a damaged one.") from None
    if not whole:
        raise BackupError(f"{path} is damaged: take another backup.")
    if not applied:
        raise BackupError(f"{path} is the database of another program.")
    if unknown := applied - {each.name for each in Migration.load_directory(str(schema.MIGRATIONS))}:
        raise BackupError(f"{path} was made by a newer version ({max(unknown)}): install that version first.")


def stamp() -> str:
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime())


def are_made_here() -> bool:
    """This store is one that the program backs up itself."""
    return database.engine() == "sqlite"


def _must_be_sqlite() -> None:
    if not are_made_here():
        raise BackupError(f"This is for SQLite. The accounts are on another engine: back it up with its own {TOOLS[database.engine()]}.")


def _url(path: Path) -> str:
    return f"sqlite:///{quote(str(path))}"


def _copy(source: Path, target: Path) -> None:
    """The whole database as it is at one moment, by SQLite's own backup; in one step, so that writers cannot make it begin anew."""
    if not source.is_file():
        raise FileNotFoundError(f"there is no database {source}")
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    address = sqlite_file.readable(source) if sqlite_file.is_read_only(source) else source.resolve().as_uri()
    with closing(sqlite3.connect(address, uri=True, timeout=BUSY_MS / 1000)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")
        if new.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("the database is damaged")
    with open(target, "rb") as file:
        os.fsync(file.fileno())


def _prepare(source: Path, draft: Path, given: dict[str, int], lost_keys: Callable[[], list[str]]) -> int:
    """The copy that will be the database: brought up to this version, with nobody signed in, and saying so in its log.

    Returns how many accounts have lost their recovery codes.
    """
    _remove(draft)
    _copy(source, draft)
    database.bind(_url(draft))
    with database.connection():
        lost = lost_keys()      # before those that are missing are made
    keys.load(keys.folder())
    schema.migrate()
    with database.connection(), database.transaction():
        if lost:
            keyring.renew(lost, by=COMMAND_LINE)
        without_codes = recovery.void_all()
        ended = sessions.sign_everybody_out()
        _skip_numbers(given)
        changes.record(Kind.RESTORED_BACKUP, by=COMMAND_LINE, accounts=ended)
    database.forget_connections()
    for suffix in AFTER[1:]:
        _remove_one(draft, suffix)
    return without_codes


def _no_key_is_lost() -> list[str]:
    keyring.must_fit()
    return []


def _numbers(place: Path) -> dict[str, int]:
    """The highest numbers that the database in use has given, as far as it can be read."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(sqlite_file.readable(place.resolve()), uri=True)) as found:
        return dict(found.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    return {}


def _skip_numbers(given: dict[str, int]) -> None:
    """Accounts go on after the highest number ever given, logins far beyond, for their numbers stand in tokens that are still out there."""
    for table in ("account", "login"):
        sql = "INSERT INTO sqlite_sequence(name, seq) SELECT ?, 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?)"
        database.proxy.obj.execute_sql(sql, (table, table))
        beyond = SKIPPED_NUMBERS if table == "login" else 0
        sql = "UPDATE sqlite_sequence SET seq = max(seq, ?) + ? WHERE name = ?"
        database.proxy.obj.execute_sql(sql, (given.get(table, 0), beyond, table))


def _put_aside(place: Path) -> Path | None:
    """Keep the old database under another name. Its name is given away only by the rename that follows: there is one at any moment."""
    if not place.exists():
        return None
    with suppress(sqlite3.Error), closing(sqlite3.connect(place)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = place.with_name(f"{place.name}.before-{stamp()}-{secrets.token_hex(2)}")
    os.link(place, kept)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.rename(f"{place}{suffix}", f"{kept}{suffix}")
    return kept


def _remove(database_file: Path) -> None:
    for suffix in AFTER:
        _remove_one(database_file, suffix)


def _remove_one(path: Path, suffix: str) -> None:
    path.with_name(path.name + suffix).unlink(missing_ok=True)
