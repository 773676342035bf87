"""Counters of failures by name: rows of the store that all processes share, and while it is read-only this process's own."""
from __future__ import annotations

import copy
import ipaddress
import secrets
import threading
from collections.abc import Iterable

from webadmin.accounts import changes, keys
from webadmin.accounts.models import Throttle
from webadmin.store import database, dialect

MOST_IN_MEMORY = 10_000


def of_source(what: str, source: str) -> str:
    """The name of the counter of `what` that comes from one subscriber: an IPv4 address, or the /64 of an IPv6 one."""
    return keys.digest(what, network(source))


def new(name: str) -> Throttle:
    now = database.now()
    return Throttle(name=name, failures=0, in_a_row=0, first_at=now, until=0, updated_at=now)


def hold(names: Iterable[str]) -> dict[str, Throttle]:
    """The rows of these names, held until the transaction ends, always in the same order; those that are not there are made."""
    for name in names:
        dialect.insert_once(Throttle.insert(**new(name).__data__), Throttle.name)
    return {row.name: row for row in dialect.locked(Throttle.select().where(Throttle.name.in_(names)).order_by(Throttle.name))}


class _Undone(Exception):
    pass


def can_be_written() -> bool:
    """Whether a write works now, and the log knows where it ends: a row is written and taken back."""
    try:
        with database.transaction():
            changes.ends()
            new(secrets.token_hex(32)).save(force_insert=True)
            raise _Undone
    except _Undone:
        return True
    except database.Unavailable:
        return False


class Memory:
    """Those of this process. Each begins as it stands in the store; the oldest of more than MOST_IN_MEMORY are forgotten."""

    def __init__(self) -> None:
        self.rows: dict[str, Throttle] = {}
        self.lock = threading.RLock()

    def copies(self, names: Iterable[str]) -> dict[str, Throttle]:
        """As they are now; what is changed in them counts once they are kept."""
        stored = {row.name: row for row in Throttle.select().where(Throttle.name.in_(names))}
        return {name: copy.copy(self.rows.get(name) or stored.get(name) or new(name)) for name in names}

    def keep(self, rows: dict[str, Throttle]) -> None:
        for name, row in rows.items():
            self.rows.pop(name, None)
            self.rows[name] = row
        while len(self.rows) > MOST_IN_MEMORY:
            del self.rows[next(iter(self.rows))]

    def give_back(self, names: Iterable[str]) -> None:
        """The last failure of each was none."""
        with self.lock:
            rows = self.copies(names)
            for row in rows.values():
                row.failures, row.in_a_row, row.until = max(0, row.failures - 1), max(0, row.in_a_row - 1), 0
            self.keep(rows)

    def begin_anew(self, name: str) -> None:
        with self.lock:
            self.keep({name: new(name)})


def network(source: str) -> str:
    """What one subscriber has: an IPv4 address, or the /64 of an IPv6 one. What is no address stays as it is."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)
