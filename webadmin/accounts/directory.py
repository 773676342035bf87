"""The read side of accounts: list, search, filter, sort, page; as quick at a million rows as at a thousand.

A page starts after a key, never at an offset (walks.py says how it is found); nothing is counted beyond MOST_COUNTED.
"""
from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from peewee import SQL, Field, ModelSelect, fn

from webadmin.accounts import names, policies, search, walks
from webadmin.accounts.errors import UnknownView
from webadmin.accounts.models import Account, LogHead, shelves
from webadmin.accounts.models.accounts import is_over
from webadmin.accounts.views import SIZES, SORTS, STATES, Place, View
from webadmin.store import database
from webadmin.store.prepared import Prepared, slot

MOST_COUNTED = 10_000
AT_A_TIME = 200
__all__ = ["SIZES", "SORTS", "STATES", "Page", "Place", "Row", "View", "everyone", "numbered", "open_to", "page", "tally"]
COLUMNS = (Account.id, Account.shelf, Account.display_name, Account.username, Account.email, Account.last_signed_in_at, Account.created_at,
           Account.expires_at)


def open_to(account: Account) -> bool:
    """This account may see the others: an administrator always, an ordinary account where a policy says so."""
    return account.is_administrator or policies.now().directory


class Row(NamedTuple):
    """One account in a list."""

    id: int
    shelf: int
    display_name: str
    username: str
    email: str | None
    last_signed_in_at: int
    created_at: int
    expires_at: int | None

    @property
    def state(self) -> str:
        return shelves.STATE_OF[self.shelf // 2]

    @property
    def role(self) -> int:
        return self.shelf % 2 + 1

    @property
    def is_administrator(self) -> bool:
        return self.shelf % 2 == 1

    @property
    def is_over(self) -> bool:
        return is_over(self.expires_at)


@dataclass(frozen=True)
class Page:
    """Rows, and the cursors of the neighbours (None where there are none). `total` is None beyond MOST_COUNTED."""

    rows: list[Row]
    after: str | None
    before: str | None
    total: int | None
    counts: dict[str, int | None]


def page(view: View) -> Page:
    """The page of the list that `view` asks for. Raises UnknownView for a cursor that is none."""
    backwards = view.before is not None
    start, down = _place(view.before if backwards else view.after, view.sort), (view.order == "desc") != backwards
    term = search.term_of(view.q)
    few, about = search.matching(term) if term else search.Found([] if view.q.strip() else None)      # nothing but accents is in no name
    if few is not None:
        places, counts = walks.among(view, few, term)
        total: int | None = len(places)
        ahead = walks.beyond(places, start, down)[: view.per_page + 1]
    else:
        ahead = walks.ahead(view, start, down, term, about)
        counts = {} if term else tally(view.role)
        total = None if view.last_signed_in else counts.get(view.state or "all")
    more, places = len(ahead) > view.per_page, ahead[: view.per_page]
    if start is None and not more:
        total = len(places)
    if backwards:
        places = places[::-1]
    has_before, has_after = (more, start is not None) if backwards else (start is not None, more)
    return Page(_rows(places), _cursor(places[-1]) if places and has_after else None,
                _cursor(places[0]) if places and has_before else None, total, {} if view.last_signed_in else counts)


HEAD = Prepared(lambda: LogHead.select(LogHead.change_id))
_tallies: dict[str, tuple[int, dict[str, int | None]]] = {}


def tally(role: str = "") -> dict[str, int | None]:
    """How many accounts there are in each state and in "all" (without the deleted); None beyond MOST_COUNTED.

    Counted anew only when the log has a new entry, since every write makes one.
    """
    head = HEAD.tuples()[0][0]
    known = _tallies.get(role)
    if known is None or known[0] != head:
        counts = {state: _count(View(state=state, role=role).shelves) for state in STATES}
        both = (counts["active"], counts["disabled"])
        counts["all"] = None if None in both else sum(each or 0 for each in both)
        _tallies[role] = known = (head, counts)
    return known[1]


def everyone(*columns: Field) -> Iterator[tuple[Any, ...]]:
    """These columns of every account but the deleted, by id. Reads some at a time, each time on a connection of its own: a slow reader
    of a million rows holds up nobody."""
    last = -1
    while True:
        with database.connection():
            rows = list(_present(Account.id, *columns).where(Account.id > last).limit(AT_A_TIME).tuples())
        yield from (row[1:] for row in rows)
        if len(rows) < AT_A_TIME:
            return
        last = rows[-1][0]


def numbered(offset: int, count: int, *columns: Field) -> list[tuple[Any, ...]]:
    """`count` of them from the offset on: for contracts whose document asks for a page by its number."""
    return _prepared_numbers(columns).tuples(count, offset)


@cache
def _prepared_numbers(columns: tuple[Field, ...]) -> Prepared:
    return Prepared(lambda: _present(*columns).limit(slot(0)).offset(slot(1)))


def _present(*columns: Field) -> ModelSelect:
    return Account.select(*columns).where(Account.deleted_at.is_null()).order_by(Account.id)


def _count(shelves: Sequence[int]) -> int | None:
    some = Account.select(SQL("1")).where(Account.shelf.in_(shelves)).limit(MOST_COUNTED + 1)
    counted = database.proxy.obj.execute(ModelSelect(Account, [fn.COUNT(SQL("1"))]).from_(some.alias("some"))).fetchone()[0]
    return None if counted > MOST_COUNTED else counted


def _rows(places: list[Place]) -> list[Row]:
    wanted = [place.id for place in places]
    if not wanted:
        return []
    rows = {row[0]: Row(*row) for row in _prepared_rows(len(wanted)).tuples(*wanted)}
    return [rows[number] for number in wanted if number in rows]


@cache
def _prepared_rows(count: int) -> Prepared:
    return Prepared(lambda: Account.select(*COLUMNS).where(Account.id.in_([slot(number) for number in range(count)])))


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def _place(cursor: str | None, sort: str) -> Place | None:
    if not cursor:
        return None
    try:
        rank, key, number = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        kind = int if sort in ("last_signed_in", "created") else str
        if type(rank) is int and type(key) is kind and type(number) is int and abs(rank) < 10 and abs(number) < 1 << 63:
            if isinstance(key, str) and not names.holds_unseen(key) or isinstance(key, int) and abs(key) < 1 << 63:
                return Place(rank, key, number)
    except (ValueError, TypeError, RecursionError):
        pass
    raise UnknownView("This address of a page is not complete. Start again from the first page.", field="after")
