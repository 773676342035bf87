"""The read side of the change log: list, filter, page, newest first; and one account's history."""
from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from peewee import Expression, ModelSelect

from webadmin.accounts import changes, users
from webadmin.accounts.actors import NOBODYS
from webadmin.accounts.errors import UnknownView
from webadmin.accounts.models import Account, Change, Detail

EVERYTHING = range(1, (1 << 63) - 1)      # the numbers of all entries


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
    span, person = _span(wanted), users.named(wanted.person) if wanted.person else None
    if span is None or wanted.person and person is None:
        return Page([], None, None)
    condition, subject = _condition(wanted), wanted.account
    if person is not None and subject is not None:
        condition &= (Change.actor_id == person.id) | _about(person.id)
    elif person is not None:
        subject = person.id
    rows = _found(condition, span, wanted.per_page + 1, backwards=backwards, account=subject, acted=wanted.account is None)
    more, rows = len(rows) > wanted.per_page, rows[: wanted.per_page]
    if backwards:
        rows.reverse()
    older, newer = (bool(wanted.before), more) if backwards else (more, wanted.after is not None)
    return Page(_entries(rows), rows[-1].id if rows and older else None, rows[0].id if rows and newer else None)


def history(account: Account, limit: int, *, groups: Iterable[str] = ("change",)) -> list[Entry]:
    """The newest entries about one account, with before and after."""
    return _detailed(_found(Change.group.in_(list(groups)), EVERYTHING, limit, account=account.id), account.id)


def of_settings(limit: int) -> list[Entry]:
    """The newest changes of the settings, with before and after."""
    return _detailed(_found(Change.kind == changes.Kind.SETTINGS.word, EVERYTHING, limit), changes.NO_ACCOUNT)


def _detailed(rows: list[Change], account_id: int) -> list[Entry]:
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


def _found(condition: Expression, span: range, limit: int, *, backwards: bool = False, account: int | None = None,
           acted: bool = False) -> list[Change]:
    """The first entries of the span, newest first unless `backwards`; of one account those about it and, where it `acted`, those by it.

    Then each way to be concerned is walked along an index of its own: one question with an OR makes the engines read the whole log.
    """
    def first(query: ModelSelect, number: Any) -> ModelSelect:
        within = (number >= span.start) & (number < span.stop)
        return query.where(condition & within).order_by(number if backwards else number.desc()).limit(limit)
    if account is None:
        return list(first(Change.select(), Change.id))
    legs = [first(Change.select(Change.id).where(Change.account_id == account), Change.id),
            first(Detail.select(Detail.change_id).join(Change, on=(Detail.change_id == Change.id)).where(Detail.account_id == account),
                  Detail.change_id)]
    if acted:
        legs.append(first(Change.select(Change.id).where(Change.actor_id == account), Change.id))
    numbers = sorted({row[0] for leg in legs for row in leg.tuples()}, reverse=not backwards)[:limit]
    return list(first(Change.select().where(Change.id.in_(numbers)), Change.id)) if numbers else []


def _condition(wanted: Filter) -> Expression:
    condition = Change.id > 0
    if wanted.group:
        condition &= Change.group == wanted.group
    if wanted.kind:
        condition &= Change.kind == wanted.kind
    return condition


def _span(wanted: Filter) -> range | None:
    """The numbers of the entries between the times and beyond the cursor; None where there can be none."""
    since, until = (_first_since(time) if time is not None else None for time in (wanted.since, wanted.until))
    if wanted.since is not None and since is None:
        return None
    start, stop = since or EVERYTHING.start, until or EVERYTHING.stop
    if wanted.before:
        start = max(start, wanted.before + 1)
    elif wanted.after is not None:
        stop = min(stop, wanted.after)
    return range(start, stop)


def _first_since(time: int) -> int | None:
    number: int | None = Change.select(Change.id).where(Change.at >= time).order_by(Change.at, Change.id).limit(1).scalar()
    return number


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
    return NOBODYS.get(row.door, "someone not signed in").capitalize()


def _name(number: int, called: dict[int, str]) -> str:
    return called.get(number, f"account {number} (deleted for good)")


