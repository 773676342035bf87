"""Who uses the SQLite file: servers and commands share it, putting back a backup needs it alone. Ends with the process, however it ends."""
from __future__ import annotations

import fcntl
import os
from pathlib import Path

from webadmin.store import sqlite_file

_held: dict[Path, int] = {}


class Occupied(Exception):
    """Somebody else uses the file, or has it alone."""


def share(database: Path) -> None:
    """Hold the file along with others for the life of this process and of those it forks. Raises Occupied while another has it alone."""
    _take(database, fcntl.LOCK_SH)


def have_alone(database: Path) -> None:
    """Raises Occupied while anybody else holds the file."""
    _take(database, fcntl.LOCK_EX)


def _take(database: Path, how: int) -> None:
    path = database.with_name(f"{database.name}.in-use")
    if sqlite_file.is_read_only(database):
        return      # nobody can put a backup into its place
    if path not in _held:
        _held[path] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(_held[path], how | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Occupied from None
