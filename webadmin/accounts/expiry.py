"""Forget what is old, in small transactions that let others write in between; counts what it removed."""
from __future__ import annotations

from collections.abc import Mapping

from peewee import Field

from webadmin.accounts import changes
from webadmin.accounts.actors import CLOCK
from webadmin.accounts.changes import Kind
from webadmin.accounts.models import Change, Detail, Link, LogHead, Login, PendingSignIn, RevokedToken, Session, Throttle
from webadmin.accounts.throttle import FORGOTTEN_AFTER_MS
from webadmin.store import database
from webadmin.store.database import DAY_MS

ROWS = 2_000      # in one transaction
THROTTLE_KEPT_MS = 30 * DAY_MS      # failures in a row count on after the waiting is forgotten

assert THROTTLE_KEPT_MS > FORGOTTEN_AFTER_MS


def remove_old(*, log_days: int) -> Mapping[str, int]:
    """Remove what no longer opens or tells anything, and log entries older than `log_days` (0: none). Returns how many of each."""
    now = database.now()
    removed = {
        "sessions": _remove(Session.id, Session.expires_at, now),
        "logins": _remove(Login.id, Login.expires_at, now),
        "revoked tokens": _remove(RevokedToken.jti, RevokedToken.expires_at, now - DAY_MS),      # their JWTs may still be in their leeway
        "pending sign-ins": _remove(PendingSignIn.digest, PendingSignIn.expires_at, now),
        "links": _remove(Link.digest, Link.expires_at, now),
        "throttles": _remove(Throttle.name, Throttle.updated_at, now - THROTTLE_KEPT_MS),
        "log entries": _cut_log(now - log_days * DAY_MS) if log_days else 0,
    }
    return {name: count for name, count in removed.items() if count}


def _remove(key: Field, time: Field, before: int) -> int:
    removed = 0
    while old := [row[0] for row in key.model.select(key).where(time < before).order_by(time).limit(ROWS).tuples()]:
        with database.transaction():
            removed += key.model.delete().where(key.in_(old) & (time < before)).execute()
    return removed


def _cut_log(before: int) -> int:
    """Whole entries from the oldest on, up to the first that is young enough; where the log begins now is written down and signed."""
    removed = 0
    while count := _cut(before):
        removed += count
    if removed:
        with database.transaction():
            changes.record(Kind.LOG_CUT, by=CLOCK, accounts=removed)
    return removed


def _cut(before: int) -> int:
    with database.transaction():
        head = changes.ends(held=True)
        old = _oldest(head, before)
        if not old:
            return 0
        last = old[-1]
        Detail.delete().where(Detail.change_id <= last.id).execute()
        Change.delete().where(Change.id <= last.id).execute()
        changes.move(head, first_id=last.id + 1, seal_before_first=last.seal)
    return len(old)


def _oldest(head: LogHead, before: int) -> list[Change]:
    """The oldest entries without a gap and not tampered with: what is wrong stays, for verification to find."""
    rows: list[Change] = []
    query = Change.select(Change.id, Change.at, Change.seal).where(Change.id < head.change_id).order_by(Change.id).limit(ROWS)
    for place, row in enumerate(query):
        if row.at >= before or row.id != head.first_id + place:
            break
        rows.append(row)
    return rows
