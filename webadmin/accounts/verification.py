"""Is the log what was written? Walks it once, in one moment of the store and constant memory, and names the first thing that is wrong."""
from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from peewee import Field, ModelSelect

from webadmin.accounts import changes, seals
from webadmin.accounts.changes import KINDS, Kind
from webadmin.accounts.models import LONGEST_TEXT, Change, Detail, Job, LogHead
from webadmin.store import database, dialect

PAGE = 5_000
NOTED = "verification"      # among the jobs


@dataclass
class Verdict:
    """How many entries stand between which ends, which purges blanked how many, and what is wrong: a sentence, or nothing."""

    first: int
    last: int
    seal: str
    blanked: Counter[int] = field(default_factory=Counter)
    trouble: str = ""

    @property
    def entries(self) -> int:
        return self.last - self.first + 1

    @property
    def head(self) -> str:
        return f"{self.last}:{self.seal}"


class _Wrong(Exception):
    pass


def head() -> str:
    """NUMBER:SEAL of the newest entry: written down elsewhere, it proves later that the log up to there is still the same."""
    newest = changes.ends()
    return f"{newest.change_id}:{newest.seal}"


def verify(known: str = "") -> Verdict:
    """Walk the whole log. `known` is a head of former times, written down outside the database. Raises ValueError for a malformed one."""
    number, _, seal = known.partition(":")
    if known and not (number.isascii() and number.isdigit() and len(seal) == 64):
        raise ValueError("A head is NUMBER:SEAL, as it stands in the server's log.")
    with database.connection(), database.snapshot():
        ends = LogHead.get_or_none()
        if ends is None:
            return Verdict(1, 0, "", trouble="The record of where the log begins and ends was removed.")
        verdict = Verdict(ends.first_id, ends.change_id, ends.seal)
        try:
            _walk(ends, verdict, (int(number or 0), seal))
        except _Wrong as wrong:
            verdict.trouble = str(wrong)
    return verdict


def _walk(ends: LogHead, verdict: Verdict, known: tuple[int, str]) -> None:
    number, before, details, purges = ends.first_id - 1, ends.seal_before_first, _Details(), dict[int, int]()
    for entry in _entries():
        number += 1
        if entry.id != number:
            raise _Wrong(f"Entry {number} is missing.")
        _check(entry, before, details)
        if entry.id == known[0] and not hmac.compare_digest(entry.seal.encode(), known[1].encode()):
            raise _Wrong(f"Entry {number} is not the one that was the newest when that head was written down.")
        if entry.blanked_by is not None:
            verdict.blanked[entry.blanked_by] += 1
            purges.setdefault(entry.blanked_by, number)
        before = entry.seal
    _check_end(ends, number, before, known)
    details.must_be_over(number)
    for purge, blanked in purges.items():      # only now: what stands in its place is told first
        _must_be_purge(purge, blanked)


def _check(entry: Any, before: str, details: _Details) -> None:
    if not hmac.compare_digest(seals.seal(entry, before).encode(), entry.seal.encode()):
        raise _Wrong(f"Entry {entry.id} was edited, or does not follow the entry before it: one was removed, put in or put elsewhere.")
    if entry.kind not in KINDS or KINDS[entry.kind].group != entry.group:
        raise _Wrong(f"Entry {entry.id} was edited: its group is not that of its kind.")
    found = seals.digest(entry.reason, details.of(entry.id))
    if not seals.is_whole(entry, found):
        raise _Wrong(f"The reason or the details of entry {entry.id} were edited.")


def _must_be_purge(number: int, blanked: int) -> None:
    if not Change.select().where((Change.id == number) & (Change.kind == Kind.PURGED.word)).exists():
        raise _Wrong(f"Entry {blanked} is said to be blanked by change {number}, which is no purge.")


def _check_end(ends: LogHead, number: int, seal: str, known: tuple[int, str]) -> None:
    if number < ends.change_id or number < known[0]:
        raise _Wrong(f"Entry {number + 1} is missing: the end of the log was cut off.")
    if number > ends.change_id or seal != ends.seal or not hmac.compare_digest(seals.mark(ends).encode(), ends.mark.encode()):
        raise _Wrong(f"The log does not end with entry {number} as it should: later ones were removed, or the record of its end edited.")


def _entries() -> Iterator[Any]:
    last = -1
    while rows := _read(Change.select().where(Change.id > last).order_by(Change.id).namedtuples(), Change.id):
        yield from rows
        last = rows[-1].id


def _read(query: ModelSelect, entry: Field) -> list[Any]:
    """A page of rows, `entry` being the column of their entries. SQLite takes what is no text for one: what is before it is told first."""
    for size in (PAGE, PAGE // 70, 1):
        try:
            return list(query.limit(size))
        except UnicodeDecodeError:
            continue
    raise _Wrong(f"Entry {query.columns(entry).limit(1).tuples().get()[0]} was edited: it holds what is no text.")


class _Details:
    """The details of all entries on their way, in order; each asked for once."""

    def __init__(self) -> None:
        self.rows = self._all()
        self.next = next(self.rows, None)

    def of(self, number: int) -> Iterator[tuple[int, str, str]]:
        self.must_not_begin_before(number)
        while self.next is not None and self.next[0] == number:
            yield self.next[1:]
            self.next = next(self.rows, None)

    def must_not_begin_before(self, number: int) -> None:
        if self.next is not None and self.next[0] < number:
            raise _Wrong(f"There are details of an entry {self.next[0]} that does not exist.")

    def must_be_over(self, number: int) -> None:
        if self.next is not None:
            raise _Wrong(f"There are details of an entry {self.next[0]}, and the log ends with {number}.")

    def _all(self) -> Iterator[tuple[int, int, str, str]]:
        change, account = -1, -1
        while rows := (self._page((Detail.change_id == change) & (Detail.account_id > account)) or self._page(Detail.change_id > change)):
            yield from rows
            change, account = rows[-1][:2]

    def _page(self, condition: Any) -> list[tuple[int, int, str, str]]:
        query: ModelSelect = Detail.select(Detail.change_id, Detail.account_id, Detail.before, Detail.after).where(condition)
        return _read(query.order_by(Detail.change_id, Detail.account_id).tuples(), Detail.change_id)


def note(verdict: Verdict) -> None:
    """Remember when the log was verified, and what came of it."""
    with database.transaction():
        dialect.insert_once(Job.insert(name=NOTED), Job.name)
        Job.update(ran_at=database.now(), outcome=(verdict.trouble or verdict.head)[:LONGEST_TEXT]).where(Job.name == NOTED).execute()


def last() -> Job | None:
    """When it was verified last, and its head then or what was wrong; None: never."""
    found: Job | None = Job.get_or_none(Job.name == NOTED)
    return found
