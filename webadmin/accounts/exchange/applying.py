"""One batch of checked lines into the store: one transaction, one entry in the log with the details of each account."""
from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

from peewee import InternalError, OperationalError

from webadmin.accounts import changes, fields, rows, search, sessions
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.errors import AccountError, EmailTaken, Invalid, LastAdministrator, Taken
from webadmin.accounts.exchange import checking
from webadmin.accounts.exchange.checking import COLUMNS, Draft
from webadmin.accounts.exchange.reading import Line
from webadmin.accounts.models import Account, Role
from webadmin.accounts.sessions import NOTHING_KEPT
from webadmin.store import bulk, database, dialect

TRIES = 3
COMPARED = ("username", "email", "display_name", "first_name", "last_name", "role", "active", "is_chirpy_red", "must_change_password",
            "expires_at")
STORED = ("id", "username_key", "deleted_at", *COMPARED)


class Row(NamedTuple):
    """A line whose cells were read."""

    line: Line
    given: dict[str, Any]


class Outcome:
    """What became of some lines, or would have."""

    def __init__(self) -> None:
        self.created = self.updated = self.unchanged = 0
        self.rejected: list[tuple[Line, str]] = []

    def reject(self, line: Line, wrong: AccountError) -> None:
        self.rejected.append((line, checking.reason(wrong, line.cells)))


class Memory:
    """Which accounts the lines so far have named: one bit for each that was there before, the rest by their high number."""

    def __init__(self) -> None:
        self.newest = bulk.last_id(Account)
        self.named = bytearray(self.newest // 8 + 1)

    def name(self, account_id: int) -> None:
        """Raises Invalid for an account that an earlier line has named or made."""
        if account_id > self.newest:
            raise Invalid("An earlier line, or somebody else just now, has taken this username.", field="username")
        place, bit = account_id >> 3, 1 << (account_id & 7)
        if self.named[place] & bit:
            raise Invalid("An earlier line has this username.", field="username")
        self.named[place] |= bit


class Batch:
    """The lines of one batch, sorted into those that make an account and those that may change one."""

    def __init__(self, lines: list[Row], memory: Memory, outcome: Outcome):
        self.outcome = outcome
        self.new: list[Row] = []
        self.changed: list[tuple[int, Row]] = []
        keys = [checking.key(row.given["username"]) for row in lines]
        self.there = {found[1]: found for found in _of(STORED, Account.username_key, keys)}
        emails = [checking.key(row.given["email"]) for row in lines if "email" in row.given]
        self.emails = dict(_of(("email_key", "id"), Account.email_key, emails))
        objects = [row.given["object_id"] for row in lines if "object_id" in row.given]
        self.objects = dict(_of(("object_id", "id"), Account.object_id, objects))
        for row in lines:
            try:
                self._sort(row, memory)
            except AccountError as wrong:
                outcome.reject(row.line, wrong)

    def _sort(self, row: Row, memory: Memory) -> None:
        given, username_key = row.given, checking.key(row.given["username"])
        found = self.there.get(username_key)
        if found is None:
            self._must_be_free(given)
            self.there[username_key] = (memory.newest + 1,)      # for the lines after this one
            self.new.append(row)
            return
        memory.name(found[0])
        stored = dict(zip(STORED, found, strict=True))
        if stored["deleted_at"] is None and "deleted_at" in given:
            raise Invalid("An import deletes no account that is there.", field="deleted_at")
        if stored["deleted_at"] is not None and "deleted_at" not in given:
            raise Invalid("This account is deleted: restore it, or leave this line out.", field="username")
        if all(stored[name] == given[name] for name in COMPARED if name in given):
            self.outcome.unchanged += 1
        elif stored["deleted_at"] is not None:
            raise Invalid("This account is deleted: restore it before it is changed.", field="username")
        else:
            self.changed.append((found[0], row))

    def _must_be_free(self, given: dict[str, Any]) -> None:
        email_key = checking.key(given["email"]) if "email" in given else None
        if email_key in self.emails:
            raise EmailTaken
        if given.get("object_id") in self.objects:
            raise Invalid("Another account has this object id.", field="object_id")
        if email_key:
            self.emails[email_key] = 0
        if "object_id" in given:
            self.objects[given["object_id"]] = 0


class Planned:
    """The names of accounts that a dry run would have made, in a scratch file of SQLite's own: a million do not fit into memory."""

    def __init__(self) -> None:
        self.names = sqlite3.connect("", isolation_level=None)
        self.names.execute("CREATE TABLE taken (kind TEXT, name TEXT, PRIMARY KEY (kind, name)) WITHOUT ROWID")
        self.names.execute("BEGIN")

    def take(self, given: dict[str, Any]) -> None:
        """Raises Invalid where an earlier line has one of the names."""
        for kind, name in (("username", checking.key(given["username"])), ("email", checking.key(given.get("email", ""))),
                           ("object_id", given.get("object_id", ""))):
            if name and not self.names.execute("INSERT OR IGNORE INTO taken VALUES (?, ?)", (kind, name)).rowcount:
                raise Invalid("An earlier line has this.", field=kind)


def plan(lines: list[Row], memory: Memory, planned: Planned) -> Outcome:
    """What would happen to the lines, as the store is now; a change that a rule would refuse is not seen before it is tried."""
    outcome = Outcome()
    batch = Batch(lines, memory, outcome)
    for row in batch.new:
        try:
            planned.take(row.given)
            outcome.created += 1
        except Invalid as wrong:
            outcome.reject(row.line, wrong)
    outcome.updated = len(batch.changed)
    return outcome


def apply(lines: list[Row], memory: Memory, *, by: Actor, reason: str) -> Outcome:
    """All of the batch, or after an error nothing. Another server that takes a name meanwhile lets the batch begin again."""
    for left in reversed(range(TRIES)):
        named = bytes(memory.named)
        try:
            with database.transaction():
                outcome = Outcome()
                rows.hold_administrators()
                _write(Batch(lines, memory, outcome), outcome, by, reason)
            return outcome
        except (Taken, database.IntegrityError, InternalError, OperationalError):
            memory.named[:] = named
            if not left:
                raise
    raise AssertionError


def _write(batch: Batch, outcome: Outcome, by: Actor, reason: str) -> None:
    now = database.now()
    made = _insert(batch.new, now)
    changed = list(_update(batch.changed, outcome))
    outcome.created, outcome.updated = len(made), len(changed)
    if not made and not changed:
        return
    number = changes.record_details(Kind.IMPORTED, list(_details(changed, made)), by=by, reason=reason)
    deleted = [account_id for account_id, draft in made if draft.deleted_at is not None]
    if deleted:
        Account.update(deleted_by_change=number).where(Account.id.in_(deleted)).execute()


def _insert(new: list[Row], now: int) -> list[tuple[int, Draft]]:
    """The accounts that were made, with their numbers, by number."""
    drafts = [checking.draft(row.given, now) for row in new]
    if not drafts:
        return []
    drawn, begins = os.urandom(8 * len(drafts)).hex(), f"{now // 1000:08x}"
    for place, made in enumerate(drafts):
        if made.object_id is None:
            drafts[place] = made._replace(object_id=begins + drawn[16 * place:16 * place + 16])
    ids = bulk.ids_to_come(Account, len(drafts))
    if ids is not None:
        numbered = list(zip(ids, drafts, strict=True))
        # in the order of the names, for then most indexes grow in few places
        bulk.insert((Account.id, *COLUMNS), ((number, *made) for number, made in sorted(numbered, key=lambda each: each[1].username_key)))
        search.add_all(Account.select(Account.id).where(Account.id.between(ids[0], ids[-1])))
        return numbered
    bulk.insert(COLUMNS, drafts)
    given = dict(_of(("username_key", "id"), Account.username_key, [made.username_key for made in drafts]))
    return sorted((given[made.username_key], made) for made in drafts)


def _update(changed: list[tuple[int, Row]], outcome: Outcome) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Change what the lines change, one by one and by the rules. Yields number, fields before and after; rejects what is refused."""
    wanted = dict(changed)
    for start in range(0, len(wanted), 500):
        some = Account.id.in_(sorted(wanted)[start:start + 500])
        for account in list(dialect.locked(Account.select().where(some).order_by(Account.id))):
            row = wanted[account.id]
            try:
                yield account.id, *_change(account, row.given)
            except (Invalid, Taken, LastAdministrator) as wrong:
                outcome.reject(row.line, wrong)


def _change(account: Account, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    before = changes.snapshot(account)
    fields.put(account, {name: given[name] for name in COMPARED if name in given and name != "active"})
    account.active = given.get("active", account.active)
    old, new = changes.difference(before, changes.snapshot(account))
    fields.must_be_free(account)
    weaker = not account.active or account.role != Role.ADMINISTRATOR or account.expires_at is not None
    if before["role"] == Role.ADMINISTRATOR and before["active"] and weaker:
        rows.keep_an_administrator(account)
    ends = "role" in new or new.get("active") is False
    account.epoch += ends
    rows.save(account)
    if ends:
        sessions.forget(account, keep=NOTHING_KEPT)
    return old, new


def _details(changed: list[Any], made: list[tuple[int, Draft]]) -> Iterator[tuple[int, str, str]]:
    for account_id, old, new in changed:
        yield account_id, json.dumps(old, ensure_ascii=False, sort_keys=True), json.dumps(new, ensure_ascii=False, sort_keys=True)
    for account_id, draft in made:
        yield account_id, "{}", checking.logged(draft)


def _of(columns: tuple[str, ...], key: Any, values: list[Any]) -> list[tuple[Any, ...]]:
    return bulk.find([getattr(Account, name) for name in columns], key, values)
