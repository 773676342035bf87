"""Failed sign-ins, counted for each account, unknown name, source and known device; shared by all processes, kept over a restart.

Ten failures of one subject are free, then it waits 1, 2, 4 ... 15 minutes. Sources: NIST SP 800-63B-4 section 3.2.2; the rows LG
of docs/security.md.
"""
from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from webadmin.accounts import keys, names, tallies
from webadmin.accounts.errors import TooManyAttempts
from webadmin.accounts.models import Account, Throttle
from webadmin.store import database
from webadmin.store.database import MINUTE_MS
from webadmin.store.prepared import Prepared, slot

FREE_FAILURES = 10
LONGEST_WAIT_MS = 15 * MINUTE_MS
FORGOTTEN_AFTER_MS = 12 * 60 * MINUTE_MS
LOCKED_AFTER = 100                # failures in a row: the password is of no use until it is set anew
SOURCE_FAILURES = 60              # a minute

BY_NAME = Prepared(lambda: Throttle.select().where(Throttle.name == slot(0)))

_memory = tallies.Memory()        # counts while the store is read-only


@dataclass(frozen=True)
class Attempt:
    """One counted attempt: the names of its counters (`source` is empty for a known device), and whether the subject is locked."""

    subject: str
    source: str
    locked: bool

    @property
    def counters(self) -> list[str]:
        return [name for name in (self.subject, self.source) if name]


def take(account: Account | None, name: str, source: str, device: str) -> Attempt:
    """Count one failure ahead of the check. Raises TooManyAttempts where the subject or the source must wait."""
    subject, origin = _counters(account, name, source, device)
    _look(subject, origin)
    wanted = [each for each in (subject, origin) if each]
    try:
        with database.transaction():
            attempt = _counted(rows := tallies.hold(wanted), subject, origin)
            for row in rows.values():
                row.save()
    except database.ReadOnly:
        with _memory.lock:
            attempt = _counted(rows := _memory.copies(wanted), subject, origin)
            _memory.keep(rows)
    return attempt


def _look(subject: str, origin: str) -> None:
    """Refuse who must wait already, without a write: the refusals of a flood hold up nobody who writes."""
    if origin and (row := BY_NAME.first(origin)):
        _source_may(row)
    if row := BY_NAME.first(subject):
        _subject_may(row)


def _counted(rows: dict[str, Throttle], subject: str, origin: str) -> Attempt:
    if origin:
        _count_source(rows[origin])
    return Attempt(subject, origin, _count_subject(rows[subject]))


def counted(account: Account, source: str, device: str) -> Attempt:
    """The attempt that the first step of a sign-in has counted, at its second."""
    return Attempt(*_counters(account, account.username, source, device), locked=False)


def take_from(source: str, account: Account | None, device: str) -> Attempt:
    """Count one failure of the source alone, ahead of a check that nobody guesses through: no stranger can make the account wait."""
    _, origin = _counters(account, "", source, device)
    with database.transaction():
        for row in tallies.hold([origin]).values() if origin else ():
            _count_source(row)
            row.save()
    return Attempt("", origin, locked=False)


def give_back(attempt: Attempt) -> None:
    """The attempt was never heard: it counts for nobody."""
    try:
        with database.transaction():
            for name in attempt.counters:      # in the order of every other attempt
                Throttle.update(failures=Throttle.failures - 1, in_a_row=Throttle.in_a_row - 1, until=0).where(
                    (Throttle.name == name) & (Throttle.failures > 0)).execute()
    except database.ReadOnly:
        _memory.give_back(attempt.counters)


def succeeded(attempt: Attempt) -> None:
    """The subject starts afresh, the source has failed once less. Part of the caller's transaction."""
    Throttle.delete().where(Throttle.name == attempt.subject).execute()
    Throttle.update(failures=Throttle.failures - 1).where((Throttle.name == attempt.source) & (Throttle.failures > 0)).execute()


def succeeded_read_only(attempt: Attempt) -> None:
    """The same where nothing can be written."""
    _memory.begin_anew(attempt.subject)
    _memory.give_back(attempt.counters)


def forgive_all() -> None:
    """Forget the failures of every account, name and known device: all passwords are new. Those of sources fade by themselves."""
    Throttle.delete().where(Throttle.in_a_row > 0).execute()


def know_device(account: Account) -> str:
    """The value of the cookie by which this browser's failures count apart for this account."""
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_device_proof(nonce, account)}"


def forgive(account: Account) -> None:
    """Forget the failures of an account whose password has been set anew. Part of the caller's transaction."""
    Throttle.delete().where(Throttle.name == keys.digest("account", str(account.id))).execute()


def _device_proof(nonce: str, account: Account) -> str:
    return keys.digest("device", f"{nonce} {account.id} {account.object_id}")


def is_known_device(account: Account | None, device: str) -> bool:
    """This browser has signed in to the account before."""
    nonce, _, proof = device.partition(".")
    return account is not None and bool(proof) and hmac.compare_digest(proof.encode(), _device_proof(nonce, account).encode())


def _counters(account: Account | None, name: str, source: str, device: str) -> tuple[str, str]:
    """The names of the two counters of this attempt: subject and source; a known device has one of its own and no source."""
    if account is not None and is_known_device(account, device):
        return keys.digest("known device", f"{device.partition('.')[0]} {account.epoch}"), ""      # a new password frees it too
    subject = keys.digest("account", str(account.id)) if account else keys.digest("name", names.key(name))
    return subject, tallies.of_source("source", source)


def _source_may(row: Throttle) -> None:
    left = row.first_at + MINUTE_MS - database.now()
    if row.failures >= SOURCE_FAILURES and 0 < left <= MINUTE_MS:
        raise TooManyAttempts(max(1, left // 1000), unheard_seconds=1)


def _count_source(row: Throttle) -> None:
    _source_may(row)
    now = database.now()
    if not 0 <= now - row.first_at < MINUTE_MS:
        row.failures, row.first_at = 0, now
    row.failures += 1
    row.updated_at = now


def _subject_may(row: Throttle) -> None:
    wait = row.until - database.now()
    if 0 < wait <= LONGEST_WAIT_MS:       # a clock that jumped must not lock anybody out for days
        raise TooManyAttempts(max(1, -(-wait // 1000)))


def _count_subject(row: Throttle) -> bool:
    _subject_may(row)
    now = database.now()
    if abs(now - row.updated_at) > FORGOTTEN_AFTER_MS:
        row.failures = 0
    row.failures += 1
    row.in_a_row += 1
    if row.failures >= FREE_FAILURES:
        row.until = now + min(MINUTE_MS << min(row.failures - FREE_FAILURES, 10), LONGEST_WAIT_MS)
    row.updated_at = now
    return row.in_a_row > LOCKED_AFTER
