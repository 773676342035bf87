"""The change log: who did what, when, through which door, to which accounts, with what before and after.

Every write records its change in its own transaction. Each entry's seal is an HMAC over the entry and the seal before it,
with a key outside the database, so that nothing can be edited, removed, swapped or cut off unnoticed.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from peewee import OperationalError

from webadmin import counters
from webadmin.accounts.actors import Actor
from webadmin.accounts.models import Account, Change, Detail, LogHead
from webadmin.accounts.seals import COUNTED_ANEW, blank_mark, digest, is_whole, last_seal, mark, seal
from webadmin.store import bulk, database, dialect

LOGGED = ("username", "email", "display_name", "first_name", "last_name", "role", "active", "must_change_password",
          "expires_at", "is_chirpy_red", "deleted_at")
SECRET = "changed"
NO_ACCOUNT = 0      # whose details are about no account


class Kind(Enum):
    """Every kind of entry there is: the word in the store and in addresses, its group, its sentence; what the entry counts."""

    CREATED = "created", "change", "Account made"
    UPDATED = "updated", "change", "Account changed"
    PASSWORD = "password", "change", "Password changed"
    PASSWORD_ASKED = "password-asked", "change", "Asked for a new password"
    DISABLED = "disabled", "change", "Account disabled"
    ENABLED = "enabled", "change", "Account enabled"
    DELETED = "deleted", "change", "Account deleted"
    RESTORED = "restored", "change", "Account restored"
    PURGED = "purged", "change", "Account deleted for good"
    TOKEN = "token", "change", "API token changed"
    FACTOR_ADDED = "factor-added", "change", "Second factor added"
    FACTOR_RENAMED = "factor-renamed", "change", "Second factor renamed"
    FACTOR_REMOVED = "factor-removed", "change", "Second factor removed"
    FACTORS_RESET = "factors-reset", "change", "Second factors reset"
    CODES_MADE = "codes-made", "change", "New recovery codes made"
    CODE_USED = "code-used", "change", "Recovery code used"
    MASS_UPDATED = "mass-updated", "change", "All accounts changed"
    MASS_DELETED = "mass-deleted", "change", "All accounts deleted but one"
    IMPORTED = "imported", "change", "Accounts imported"
    EXPORTED = "exported", "change", "Accounts exported"
    SESSION_ENDED = "session-ended", "change", "Session ended"
    SESSIONS_ENDED = "sessions-ended", "change", "All sessions ended"
    SETTINGS = "settings", "change", "Settings changed"
    NEW_KEYS = "new-keys", "change", "Went on with other keys; everybody was signed out"
    LOG_CUT = "log-cut", "change", "Old entries of the log removed", "entries"
    RESTORED_BACKUP = "restored-backup", "change", "Everything put back from a backup; everybody was signed out", "sessions and sign-ins"
    SIGNED_IN = "signed-in", "sign-in", "Signed in"
    SIGNED_OUT = "signed-out", "sign-in", "Signed out"
    WRONG_PASSWORD = "wrong-password", "refused", "Wrong name or password"
    NO_SECOND_FACTOR = "no-second-factor", "refused", "Second factor refused"
    WRONG_PASSKEY = "wrong-passkey", "refused", "Passkey refused"
    COPIED_PASSKEY = "copied-passkey", "refused", "Passkey refused: it counts as if there were a copy of it"
    NOT_ADMITTED = "not-admitted", "refused", "Sign-in refused: the account is disabled, deleted or over"
    TURNED_AWAY = "turned-away", "refused", "Sign-ins turned away unheard: too many attempts", "attempts"

    def __init__(self, word: str, group: str, sentence: str, counts: str = "accounts"):
        self.word, self.group, self.sentence, self.counts = word, group, sentence, counts


KINDS = {kind.word: kind for kind in Kind}
GROUPS = {"change": "Changes", "sign-in": "Sign-ins", "refused": "Refused"}


def snapshot(account: Account) -> dict[str, Any]:
    """What the log keeps of an account: no hash, no token."""
    return {name: getattr(account, name) for name in LOGGED}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, as they were and as they are."""
    changed = [name for name in after if before.get(name) != after[name]]
    return {name: before[name] for name in changed if name in before}, {name: after[name] for name in changed}


def record(kind: Kind, *, by: Actor, account: Account | None = None, before: Mapping[str, Any] | None = None,
           after: Mapping[str, Any] | None = None, reason: str = "", accounts: int = 1,
           then: Callable[[int], object] = lambda number: None) -> None:
    """Write one entry about one account (or about none: then `accounts` counts what happened, and details are of NO_ACCOUNT); `then`
    gets its number.

    It is written as the last thing of the transaction, whenever it is asked for: the log's head is held by one writer at a time, and
    whoever holds it must not wait for another row.
    """
    about = account.id if account else None
    details = [] if before is None and after is None else [(about or NO_ACCOUNT, _json(before), _json(after))]

    def write() -> None:
        number = _append(kind, by, digest(reason, details), account_id=about, reason=reason, accounts=accounts)
        for account_id, old, new in details:
            Detail.insert(change_id=number, account_id=account_id, before=old, after=new).execute()
        then(number)
    database.at_the_end(write)


def next_number() -> int:
    """The number that the transaction's entry will have. From here to the commit all writers wait: hold the rows first."""
    return ends(held=True).change_id + 1


def record_set(kind: Kind, *, by: Actor) -> int:
    """Write the entry of a change to many accounts, whose details stand in the store already, under next_number()."""
    number = next_number()
    rows = Detail.select(Detail.account_id, Detail.before, Detail.after).where(Detail.change_id == number).order_by(Detail.account_id)
    counted = _Counted(rows.tuples().iterator())
    covered = digest("", counted)
    return _append(kind, by, covered, reason="", accounts=counted.count)


def record_details(kind: Kind, details: Sequence[tuple[int, str, str]], *, by: Actor, reason: str = "") -> int:
    """Write the entry of a change to many accounts with its details: account, JSON before, JSON after, in the order of the accounts.

    Returns its number. Call it last in the transaction, as record.
    """
    number = next_number()
    bulk.insert((Detail.change_id, Detail.account_id, Detail.before, Detail.after), ((number, *row) for row in details))
    return _append(kind, by, digest(reason, details), reason=reason, accounts=len(details))


class _Counted:
    """Rows on their way, counted."""

    def __init__(self, rows: Iterable[Any]):
        self.rows, self.count = rows, 0

    def __iter__(self) -> Iterator[Any]:
        for row in self.rows:
            self.count += 1
            yield row


def ends(*, held: bool = False) -> LogHead:
    """Where the log begins and ends; `held` until the transaction does. Without that row nothing is written: OperationalError."""
    rows = LogHead.select()
    found: LogHead | None = (dialect.locked(rows) if held else rows).first()
    if found is None:
        raise OperationalError("somebody removed the record of the log's end: see verify-log")
    return found


def begin() -> None:
    """The end of an empty log. For the first migration."""
    head = LogHead(id=1)
    head.mark = mark(head)
    head.save(force_insert=True)


def move(head: LogHead, **values: Any) -> None:
    """Write where the log begins or ends now."""
    for name, value in values.items():
        setattr(head, name, value)
    head.mark = mark(head)
    head.save()


def _append(kind: Kind, by: Actor, covered: str, *, account_id: int | None = None, reason: str, accounts: int) -> int:
    head = ends(held=True)
    entry = Change(id=head.change_id + 1, at=database.now(), kind=kind.word, group=kind.group, actor_id=by.account_id,
                   door=by.door, source=by.source, request_id=by.request_id, reason=reason,
                   account_id=account_id, accounts=accounts, digest=covered)
    entry.seal = seal(entry, last_seal(head))
    entry.save(force_insert=True)
    move(head, change_id=entry.id, seal=entry.seal)
    counters.event(kind.word, kind.group, accounts if kind is Kind.TURNED_AWAY else 1)
    return entry.id


def blank(account_id: int, purge: int) -> None:
    """Take a purged account's data out of the log's details; `purge` is the number of the entry that says so."""
    concerned = Detail.select(Detail.change_id).where(Detail.account_id == account_id)
    explained = Change.select(Change.id).where((Change.account_id == account_id) & (Change.reason != "") & (Change.id != purge))
    numbers = {row[0] for query in (concerned, explained) for row in query.tuples()}      # one question with an OR would read the whole log
    for entry in filter(None, (Change.get_or_none(Change.id == number) for number in sorted(numbers))):
        whole = is_whole(entry, _found(entry))
        entry.reason = "" if entry.account_id == account_id else entry.reason
        entry.blanked_by = purge
        Detail.update(before="{}", after="{}").where((Detail.change_id == entry.id) & (Detail.account_id == account_id)).execute()
        entry.blank_mark = blank_mark(entry, purge, _found(entry)) if whole else ""      # what was forged before stays known as such
        entry.save()


def _found(entry: Change) -> str:
    """The digest of the reason and the details as they stand now; of a very large entry that would take too long."""
    details = Detail.select(Detail.account_id, Detail.before, Detail.after).where(Detail.change_id == entry.id).order_by(Detail.account_id)
    return digest(entry.reason, details.tuples()) if entry.accounts <= COUNTED_ANEW else entry.digest


def _json(fields: Mapping[str, Any] | None) -> str:
    return json.dumps(fields or {}, ensure_ascii=False, sort_keys=True)
