"""The read side of accounts: list, search, filter, sort, page; as quick at a million rows as at a thousand.

Every list is a merge of short walks, one along each shelf (state and role, see models.Shelf) that the filter admits, each in an index
that begins with the shelf. A page starts after a key, never at an offset; nothing is counted beyond MOST_COUNTED.
"""
from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from typing import Any, NamedTuple

from peewee import SQL, Expression, Field, ModelSelect, Tuple, Value, fn

from webadmin import database
from webadmin.accounts import search
from webadmin.accounts.errors import UnknownView
from webadmin.accounts.models import Account, LogHead
from webadmin.prepared import Prepared, slot

MOST_COUNTED = 10_000
AT_A_TIME = 1_000
SIZES = (25, 50, 100)
DAY = 24 * 60 * 60 * 1000
STATES = {"active": (0, 1), "disabled": (2, 3), "deleted": (4, 5)}
ROLES = {"user": 0, "administrator": 1}
SORTS = {"display_name": Account.display_key, "state": Account.display_key, "email": Account.email_sort, "username": Account.username_key,
         "role": Account.display_key, "last_signed_in": Account.last_signed_in_at, "created": Account.created_at}
SEEN = ("never", "90d", "1y", "7d")
COLUMNS = (Account.id, Account.shelf, Account.display_name, Account.username, Account.email, Account.last_signed_in_at, Account.created_at)


_open_to_everyone = False


def configure(*, open_to_everyone: bool) -> None:
    global _open_to_everyone
    _open_to_everyone = open_to_everyone


def open_to(account: Account) -> bool:
    """This account may see the others: an administrator always, an ordinary account where a setting says so."""
    return account.is_administrator or _open_to_everyone


class Row(NamedTuple):
    """One account in a list."""

    id: int
    shelf: int
    display_name: str
    username: str
    email: str | None
    last_signed_in_at: int
    created_at: int

    @property
    def state(self) -> str:
        return ("active", "disabled", "deleted")[self.shelf // 2]

    @property
    def role(self) -> int:
        return self.shelf % 2 + 1

    @property
    def is_administrator(self) -> bool:
        return self.shelf % 2 == 1


@dataclass(frozen=True)
class View:
    """What a list shows. `after` and `before` are cursors that a Page gave; `before` empty means the last page."""

    q: str = ""
    state: str = ""            # "" is everyone but the deleted
    role: str = ""
    last_signed_in: str = ""
    sort: str = "display_name"
    order: str = "asc"
    per_page: int = 50
    after: str | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        allowed = {"state": ("", *STATES), "role": ("", *ROLES), "last_signed_in": ("", *SEEN), "sort": SORTS, "order": ("asc", "desc"),
                   "per_page": SIZES}
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise UnknownView(f"The list cannot be shown with {name} “{getattr(self, name)}”.", field=name)

    @property
    def shelves(self) -> list[int]:
        kept = [shelf for state, pair in STATES.items() for shelf in pair if self.state == state or not self.state and state != "deleted"]
        return [shelf for shelf in kept if not self.role or shelf % 2 == ROLES[self.role]]

    def rank(self, shelf: int) -> int:
        """Where a shelf stands among the others in this order: sorting by state or role puts whole shelves behind one another."""
        return {"state": shelf // 2, "role": shelf % 2}.get(self.sort, 0)


class Place(NamedTuple):
    """Where a row stands in the order of a view."""

    rank: int
    key: Any
    id: int


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
    start = _place(view.before if backwards else view.after, view.sort)
    term = search.term_of(view.q)
    found = search.matching(term) if term else None
    if found is not None:
        places, counts = _among(view, found), None
        total: int | None = len(places)
        counts = _counts_among(view, found)
        ahead = _beyond(places, start, (view.order == "desc") != backwards)[: view.per_page + 1]
    else:
        ahead = _walk(view, start, (view.order == "desc") != backwards, term)
        counts = {} if term else tally(view.role)
        total = counts.get(view.state or "all") if not view.last_signed_in else None
    more, places = len(ahead) > view.per_page, ahead[: view.per_page]
    if backwards:
        places = places[::-1]
    has_before, has_after = (more, start is not None) if backwards else (start is not None, more)
    return Page(_rows(places), _cursor(places[-1]) if places and has_after else None,
                _cursor(places[0]) if places and has_before else None, total, counts)


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
    return list(_present(*columns).offset(offset).limit(count).tuples())


def _present(*columns: Field) -> ModelSelect:
    return Account.select(*columns).where(Account.deleted_at.is_null()).order_by(Account.id)


def _count(shelves: Sequence[int]) -> int | None:
    some = Account.select(SQL("1")).where(Account.shelf.in_(shelves)).limit(MOST_COUNTED + 1)
    counted = database.proxy.obj.execute(ModelSelect(Account, [fn.COUNT(SQL("1"))]).from_(some.alias("some"))).fetchone()[0]
    return None if counted > MOST_COUNTED else counted


def _walk(view: View, start: Place | None, down: bool, term: str) -> list[Place]:
    """The next places from `start` on, at most one more than a page holds: each shelf gives its own, and they are merged here."""
    legs = [(shelf, view.rank(shelf), start is not None and view.rank(shelf) == start.rank) for shelf in view.shelves
            if start is None or view.rank(shelf) == start.rank or (view.rank(shelf) > start.rank) != down]      # the others lie behind us
    if not legs:
        return []
    query = _prepared_walk(view.sort, down, tuple(legs), view.last_signed_in, search.shape_of(term))
    found = query.tuples(start.key if start else None, start.id if start else None, view.per_page + 1, _since(view.last_signed_in), term,
                         term + search.LAST_LETTER)
    return sorted((Place(*row) for row in found), reverse=down)[: view.per_page + 1]


@cache
def _prepared_walk(sort: str, down: bool, legs: tuple[tuple[int, int, bool], ...], seen: str, shape: str) -> Prepared:
    """The merge of walks for one kind of list. Slots: key and id of the start, limit, a time, the term and its upper end."""
    return Prepared(lambda: _union([_leg(sort, down, *leg, seen, shape) for leg in legs]))


def _leg(sort: str, down: bool, shelf: int, rank: int, bounded: bool, seen: str, shape: str) -> ModelSelect:
    column = SORTS[sort]
    query = Account.select(Value(rank, converter=False), column, Account.id).where(Account.shelf == shelf)
    if bounded:
        here, there = Tuple(column, Account.id), Tuple(slot(0), slot(1))
        query = query.where(here < there if down else here > there)
    if shape:
        query = query.where(search.holds(shape, slot(4), slot(5)))
    if seen:
        query = query.where(_seen(seen, slot(3)))
    order = (column.desc(), Account.id.desc()) if down else (column, Account.id)
    return query.order_by(*order).limit(slot(2))


def _union(legs: list[ModelSelect]) -> Any:
    """Each walk keeps its own order and limit inside a subquery of its own, which every engine takes."""
    parts = [Account.select(SQL("*")).from_(leg.alias(f"leg{number}")) for number, leg in enumerate(legs)]
    return legs[0] if len(legs) == 1 else reduce(lambda one, other: one.union_all(other), parts)


def _seen(word: str, time: Any) -> Expression:
    last = Account.last_signed_in_at
    return {"never": last == 0, "7d": last >= time}.get(word, last < time)


def _since(word: str) -> int:
    """The time that a filter by the last sign-in compares with."""
    return database.now() - {"7d": 7, "90d": 90, "1y": 365}.get(word, 0) * DAY


def _among(view: View, found: list[int]) -> list[Place]:
    """The places of a few known accounts, those that the filter admits, in ascending order."""
    condition = Account.shelf.in_(view.shelves)
    if view.last_signed_in:
        condition &= _seen(view.last_signed_in, _since(view.last_signed_in))
    rows = [row for some in _batches(found) for row in
            Account.select(Account.shelf, SORTS[view.sort], Account.id).where(Account.id.in_(some) & condition).tuples()]
    return sorted(Place(view.rank(shelf), key, number) for shelf, key, number in rows)


def _counts_among(view: View, found: list[int]) -> dict[str, int | None]:
    in_view = replace(view, state="")
    rows = [row[0] for some in _batches(found) for row in Account.select(Account.shelf).where(Account.id.in_(some)).tuples()]
    admitted = [shelf for shelf in rows if not view.role or shelf % 2 == ROLES[view.role]]
    counts: dict[str, int | None] = {state: sum(shelf in pair for shelf in admitted) for state, pair in STATES.items()}
    counts["all"] = sum(shelf in in_view.shelves for shelf in admitted)
    return {} if view.last_signed_in else counts


def _batches(ids: list[int], size: int = 500) -> Iterable[list[int]]:
    return (ids[start:start + size] for start in range(0, len(ids), size))


def _beyond(places: list[Place], start: Place | None, down: bool) -> list[Place]:
    ordered = places[::-1] if down else places
    return ordered if start is None else [place for place in ordered if (place < start if down else place > start)]


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
