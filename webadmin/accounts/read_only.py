"""Signing in while the store can be read and not written: what a row would keep is kept in memory, and no longer than needed.

A session is then a signed proof in the cookie. It holds for an hour at most, only while the store is read-only, only on the server that
gave it, and only for the account as it stands at each request. Signing out ends all of these sessions of the account.
"""
from __future__ import annotations

import hmac
import logging
import mmap
import re
import secrets
import struct
import time

from webadmin.accounts import changes
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.models import Account, Session
from webadmin.store import database

LONGEST_SECONDS = 3600
FORM = re.compile(r"([1-9][0-9]{0,17})\.([0-9]{1,18})\.([0-9]{1,15})\.([A-Za-z0-9_-]{22})\.([0-9a-f]{64})")

# Made before the server's processes are: all share them, and a restart forgets them. Times are those of the monotonic clock.
_key = secrets.token_bytes(32)
_PLACES = 4096
_ended = mmap.mmap(-1, _PLACES * 8)      # when an account signed out last; two that share a place sign each other out

log = logging.getLogger(__name__)


def start(account: Account) -> str:
    """The cookie's key of a session that stands nowhere."""
    proof = f"{account.id}.{account.epoch}.{_now()}.{secrets.token_urlsafe(16)}"
    return f"{proof}.{_signed(proof)}"


def resume(key: str) -> Session | None:
    """The session, None where there is none any more. Whether its account is in force is for the caller to look at."""
    found = FORM.fullmatch(key)
    if found is None or not hmac.compare_digest(found[5], _signed(key.rpartition(".")[0])) or not database.is_read_only():
        return None
    number, epoch, begun = (int(found[place]) for place in (1, 2, 3))
    age = _now() - begun
    if age < 0 or begun <= _ended_at(number):
        return None
    at = database.now() - age
    return Session(id=0, account_id=number, epoch=epoch, remember=False, device="", source="", created_at=at, seen_at=at, confirmed_at=at,
                   expires_at=at + LONGEST_SECONDS * 1000)


def is_one(session: Session) -> bool:
    """The session stands in no row."""
    return session.id == 0


def end(account: Account) -> None:
    struct.pack_into("q", _ended, account.id % _PLACES * 8, _now())


def note(kind: Kind, *, by: Actor, account: Account | None, accounts: int = 1) -> None:
    """What the log of changes cannot take stands in the server's own log."""
    log.warning("while the database is read-only: %s, account %s, %d times, by %s, from %s, request %s",
                kind.word, account.id if account else "-", accounts, by.door, by.source, by.request_id)


def record(kind: Kind, *, by: Actor, account: Account | None = None, accounts: int = 1) -> None:
    """An entry of the log of changes, or of the server's own where that cannot be written."""
    try:
        with database.transaction():
            changes.record(kind, by=by, account=account, accounts=accounts)
    except database.ReadOnly:
        note(kind, by=by, account=account, accounts=accounts)


def _now() -> int:
    return time.monotonic_ns() // 1_000_000


def _ended_at(number: int) -> int:
    return int(struct.unpack_from("q", _ended, number % _PLACES * 8)[0])


def _signed(proof: str) -> str:
    return hmac.digest(_key, proof.encode(), "sha256").hex()
