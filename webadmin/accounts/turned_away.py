"""Attempts that were not heard, counted in each process: one entry of the log a minute, however many there are."""
from __future__ import annotations

import threading
from dataclasses import dataclass

from webadmin.accounts import read_only
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.store import database
from webadmin.store.database import MINUTE_MS


@dataclass
class _Counted:
    """Since the last entry: how many, and the door and the source of all of them, empty where they differ."""

    attempts: int = 0
    door: str = ""
    source: str = ""
    written_at: int = 0

    def one_more(self, door: str, source: str) -> None:
        first = self.attempts == 0
        self.attempts += 1
        self.door = door if first or self.door == door else ""
        self.source = source if first or self.source == source else ""


_counted = _Counted()
_lock = threading.Lock()


def add(by: Actor) -> None:
    """One more. The first is written at once; those of the minute after it by the first that comes later, or by write_due."""
    with _lock:
        _counted.one_more(by.door, by.source)
    write_due()


def write_due() -> None:
    """Write what was counted and not written yet, a minute after the last entry."""
    global _counted
    with _lock:
        known, now = _counted, database.now()
        if not known.attempts or abs(now - known.written_at) < MINUTE_MS:
            return
        _counted = _Counted(written_at=now)
    try:
        read_only.record(Kind.TURNED_AWAY, by=Actor(known.door, known.source), accounts=known.attempts)
    except database.Unavailable:      # the next minute's entry counts them too
        with _lock:
            _counted.attempts += known.attempts
        raise
