"""The read side of the change log: list, filter, page, newest first; and one account's history."""
from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from peewee import Expression

from webadmin.accounts import changes, users
from webadmin.accounts.errors import UnknownView
from webadmin.accounts.models import Account, Change, Detail


@dataclass(frozen=True)
class Filter:
    """Which entries: `person` is a name that acted or was acted upon; times are milliseconds; `after` / `before` entry numbers."""

    group: str = ""
    kind: str = ""
    person: str = ""
    account: int | None = None
    since: int | None = None
    until: int | None = None
    per_page: int = 50
    after: int | None = None
    before: int | None = None

    def __post_init__(self) -> None:
        if self.group not in ("", *changes.GROUPS) or self.kind not in ("", *changes.KINDS):
            raise UnknownView("There is no such kind of activity.", field="kind")


@dataclass
class Entry:
    """One line of the log as a page shows it."""

    change: Change
    actor: str = ""
    known: set[int] = field(default_factory=set)      # those of its accounts that have not been deleted for good
    whom: list[tuple[int, str]] = field(default_factory=list)
    details: list[tuple[str, Any, Any]] = field(default_factory=list)      # field, before, after

    @property
    def kind(self) -> changes.Kind:
        return changes.KINDS[self.change.kind]


@dataclass(frozen=True)
class Page:
    entries: list[Entry]
    after: int | None
    before: int | None


def page(wanted: Filter) -> Page:
    """Newest first. The cursors are None where there is nothing further."""
    backwards = wanted.before is not None
    condition = _condition(wanted)
    if condition is None:
        return Page([], None, None)
    query = Change.select().where(condition)
    if wanted.before:
        query = query.where(Change.id > wanted.before)
    elif wanted.after is not None:
        query = query.where(Change.id < wanted.after)
    rows = list(query.order_by(Change.id if backwards else Change.id.desc()).limit(wanted.per_page + 1))
    more, rows = len(rows) > wanted.per_page, rows[: wanted.per_page]
    if backwards:
        rows.reverse()
    older, newer = (bool(wanted.before), more) if backwards else (more, wanted.after is not None)
    return Page(_entries(rows), rows[-1].id if rows and older else None, rows[0].id if rows and newer else None)


def history(account: Account, limit: int, *, groups: Iterable[str] = ("change",)) -> list[Entry]:
    """The newest entries about one account, with before and after."""
    return _detailed(_about(account.id) & Change.group.in_(list(groups)), account.id, limit)


def of_settings(limit: int) -> list[Entry]:
    """The newest changes of the settings, with before and after."""
    return _detailed(Change.kind == changes.Kind.SETTINGS.word, changes.NO_ACCOUNT, limit)


def _detailed(condition: Expression, account_id: int, limit: int) -> list[Entry]:
    rows = list(Change.select().where(condition).order_by(Change.id.desc()).limit(limit))
    entries = _entries(rows)
    found = {row.change_id: row for row in Detail.select().where(
        (Detail.account_id == account_id) & Detail.change_id.in_([row.id for row in rows]))}
    for entry in entries:
        if entry.change.id in found:
            entry.details = differences(found[entry.change.id])
    return entries


def name_of(number: int) -> str:
    """What the account is called today."""
    return _name(number, _called([number]))


def is_known(number: int) -> bool:
    """There is an account of this number, or there was one."""
    return Account.select().where(Account.id == number).exists() or Change.select().where(Change.account_id == number).exists()


def differences(detail: Detail) -> list[tuple[str, Any, Any]]:
    """(field, before, after) in the order of the log's fields; a side that has no value is None."""
    before, after = json.loads(detail.before), json.loads(detail.after)
    known = [name for name in changes.LOGGED if name in before or name in after]
    others = [name for name in {**before, **after} if name not in changes.LOGGED]
    return [(name, before.get(name), after.get(name)) for name in known + others]


def _condition(wanted: Filter) -> Expression | None:
    """None where nothing can match."""
    condition = Change.id > 0
    if wanted.group:
        condition &= Change.group == wanted.group
    if wanted.kind:
        condition &= Change.kind == wanted.kind
    if wanted.account is not None:
        condition &= _about(wanted.account)
    if wanted.person:
        account = users.named(wanted.person)
        if account is None:
            return None
        condition &= (Change.actor_id == account.id) | _about(account.id)
    for bound, first in ((wanted.since, True), (wanted.until, False)):
        if bound is not None:
            number = Change.select(Change.id).where(Change.at >= bound).order_by(Change.at, Change.id).limit(1).scalar()
            if number is None and first:
                return None
            if number is not None:
                condition &= Change.id >= number if first else Change.id < number
    return condition


def _about(account_id: int) -> Expression:
    return (Change.account_id == account_id) | Change.id.in_(Detail.select(Detail.change_id).where(Detail.account_id == account_id))


def _entries(rows: list[Change]) -> list[Entry]:
    """With the names that the accounts have today: the log itself holds numbers only."""
    numbers = {number for row in rows for number in (row.actor_id, row.account_id) if number is not None}
    called = _called(numbers)
    return [Entry(row, _actor(row, called), set(called), _whom(row, called)) for row in rows]


def _whom(row: Change, called: dict[int, str]) -> list[tuple[int, str]]:
    return [(row.account_id, _name(row.account_id, called))] if row.account_id is not None else []


def _called(numbers: Iterable[int]) -> dict[int, str]:
    wanted = list(numbers)
    return dict(Account.select(Account.id, Account.username).where(Account.id.in_(wanted)).tuples()) if wanted else {}


def _actor(row: Change, called: dict[int, str]) -> str:
    if row.actor_id is not None:
        return _name(row.actor_id, called)
    return "The command line" if row.door == changes.COMMAND_LINE.door else "Someone not signed in"


def _name(number: int, called: dict[int, str]) -> str:
    return called.get(number, f"account {number} (deleted for good)")


