"""How a list finds its next page: a merge of short walks, one along each shelf (state and role, see models.Shelf) that the filter admits,
each in an index that begins with the shelf. Nothing is ever counted or skipped over.

A search or a filter that the index does not know is asked of each row on the way, at most BUDGET rows of a shelf; where that does not
fill the page, the engine is asked for exactly those rows.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any, NamedTuple

from peewee import SQL, Case, Expression, ModelSelect, Ordering, Tuple, Value

from webadmin.accounts import search
from webadmin.accounts.errors import UnknownView
from webadmin.accounts.models import Account
from webadmin.store import database, dialect
from webadmin.store.database import DAY_MS
from webadmin.store.prepared import Prepared, slot

BUDGET = 4_000
SIZES = (25, 50, 100)
STATES = {"active": (0, 1), "disabled": (2, 3), "deleted": (4, 5)}
ROLES = {"user": 0, "administrator": 1}
SORTS = {"display_name": Account.display_key, "state": Account.display_key, "email": Account.email_sort, "username": Account.username_key,
         "role": Account.display_key, "last_signed_in": Account.last_signed_in_at, "created": Account.created_at}
BY_NAME = [name for name, column in SORTS.items() if any(column is each for each in search.BEGINNINGS)]
SEEN = ("never", "90d", "1y", "7d")


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


def ahead(view: View, start: Place | None, down: bool, term: str) -> list[Place]:
    """The places that follow `start` in this direction, at most one more than a page holds."""
    legs = tuple((shelf, view.rank(shelf), start is not None and view.rank(shelf) == start.rank) for shelf in view.shelves
                 if start is None or view.rank(shelf) == start.rank or (view.rank(shelf) > start.rank) != down)     # others lie behind us
    if not legs:
        return []
    values = (start.key if start else None, start.id if start else None, view.per_page + 1, _since(view.last_signed_in), term,
              term + search.LAST_LETTER, search.expression(term), start.rank if start else 0)
    asked = (view.sort, down, legs, view.last_signed_in, search.shape_of(term))
    if not term and (not view.last_signed_in or view.sort == "last_signed_in"):
        return _merged(_walk(*asked), values, down, view)
    if asked[-1] == "beginning" and view.sort in BY_NAME and database.engine() == "sqlite":
        own, others = (_merged(query(*asked), values, down, view) for query in (_own_walk, _exact))
        return sorted(own + others, reverse=down)[: view.per_page + 1]
    found = _merged(_budgeted_walk(*asked), values, down, view)
    return found if len(found) > view.per_page else _merged(_exact(*asked), values, down, view)


def among(view: View, few: list[int], term: str) -> tuple[list[Place], dict[str, int | None]]:
    """Of a few known accounts: the places of those that the view admits, ascending, and how many of them there are in each state."""
    columns = (Account.shelf, SORTS[view.sort], Account.id)
    condition = search.holds(search.shape_of(term), Account, term, term + search.LAST_LETTER)
    if view.last_signed_in:
        condition &= _seen(view.last_signed_in, Account, _since(view.last_signed_in))
    rows = [row for some in _batches(few) for row in Account.select(*columns).where(Account.id.in_(some) & condition).tuples()]
    rows = [row for row in rows if not view.role or row[0] % 2 == ROLES[view.role]]
    counts: dict[str, int | None] = {state: sum(shelf in pair for shelf, _, _ in rows) for state, pair in STATES.items()}
    counts["all"] = sum(shelf not in STATES["deleted"] for shelf, _, _ in rows)
    return sorted(Place(view.rank(shelf), key, number) for shelf, key, number in rows if shelf in view.shelves), counts


def beyond(places: list[Place], start: Place | None, down: bool) -> list[Place]:
    ordered = places[::-1] if down else places
    return ordered if start is None else [place for place in ordered if (place < start if down else place > start)]


def _merged(query: Prepared, values: tuple[Any, ...], down: bool, view: View) -> list[Place]:
    return sorted((Place(*row) for row in query.tuples(*values)), reverse=down)[: view.per_page + 1]


# slots: 0 key and 1 id of the start, 2 limit, 3 a time, 4 the term, 5 its upper end, 6 the term for the engine's index, 7 the start's rank
@cache
def _walk(sort: str, down: bool, legs: tuple[tuple[int, int, bool], ...], seen: str, _shape: str) -> Prepared:
    return Prepared(lambda: _union(_on_shelf(sort, down, *leg, where=_asked(Account, seen, "")).limit(slot(2)) for leg in legs))


@cache
def _own_walk(sort: str, down: bool, legs: tuple[tuple[int, int, bool], ...], seen: str, _shape: str) -> Prepared:
    """Of the rows that begin with the term, those that do so in the column that sorts: they stand together. _exact finds the others."""
    begun = search.begins(SORTS[sort], slot(4), slot(5))
    condition = begun & _asked(Account, seen, "") if seen else begun
    return Prepared(lambda: _union(_on_shelf(sort, down, *leg, where=condition).limit(slot(2)) for leg in legs))


@cache
def _budgeted_walk(sort: str, down: bool, legs: tuple[tuple[int, int, bool], ...], seen: str, shape: str) -> Prepared:
    """No order outside: the rows come in the order of the walk, and the walk ends with the last one wanted."""
    def leg(*one: Any) -> ModelSelect:
        seen_on_the_way = (Account.search_text, Account.last_signed_in_at, *search.BEGINNINGS)
        rows = _on_shelf(sort, down, *one, further=seen_on_the_way).limit(BUDGET).alias("walked")
        return Account.select(rows.c.rank, rows.c.place, rows.c.id).from_(rows).where(_asked(rows.c, seen, shape)).limit(slot(2))
    return Prepared(lambda: _union(leg(*one) for one in legs))


@cache
def _exact(sort: str, down: bool, legs: tuple[tuple[int, int, bool], ...], seen: str, shape: str) -> Prepared:
    """One query over all shelves; the engine finds the few rows first and sorts them."""
    return Prepared(lambda: _exactly(sort, down, legs, seen, shape))


def _exactly(sort: str, down: bool, legs: tuple[tuple[int, int, bool], ...], seen: str, shape: str) -> ModelSelect:
    rank, column = Case(Account.shelf, [(shelf, rank) for shelf, rank, _ in legs]), SORTS[sort]
    by_index = shape and database.engine() == "sqlite"
    query = Account.select(rank, column, Account.id).where(_asked(Account, seen, shape))
    query = query.where((dialect.unindexed(Account.shelf) if by_index else Account.shelf).in_([shelf for shelf, _, _ in legs]))
    if by_index:
        query = query.where(search.indexed(slot(6)) if shape == "inside" else search.begun(slot(4), slot(5), but=column))
    if any(bounded for _, _, bounded in legs):
        here, there = Tuple(rank, column, Account.id), Tuple(slot(7), slot(0), slot(1))
        query = query.where(here < there if down else here > there)
    order = [rank, dialect.unindexed(column), Account.id]
    return query.order_by(*(Ordering(each, "DESC") for each in order) if down else order).limit(slot(2))


def _on_shelf(sort: str, down: bool, shelf: int, rank: int, bounded: bool, *, where: Expression | None = None,
              further: Iterable[Any] = ()) -> ModelSelect:
    """One shelf in the order of the list, from the start on where the start is on it."""
    column = SORTS[sort]
    place = (Value(rank, converter=False).alias("rank"), column.alias("place"), Account.id)
    query = Account.select(*place, *further).where(Account.shelf == shelf)
    if bounded:
        query = query.where(dialect.beyond(column, Account.id, (slot(0), slot(1)), down))
    if where is not None:
        query = query.where(where)
    return query.order_by(*((column.desc(), Account.id.desc()) if down else (column, Account.id)))


def _union(legs: Iterable[ModelSelect]) -> Any:
    """Each walk keeps its own order and limit inside a subquery of its own, which every engine takes."""
    legs = list(legs)
    if len(legs) == 1:
        return legs[0]
    parts = [Account.select(SQL("*")).from_(leg.alias(f"leg{number}")) for number, leg in enumerate(legs)]
    return reduce(lambda one, other: one.union_all(other), parts)


def _asked(row: Any, seen: str, shape: str) -> Expression | None:
    """What is asked of each row; `row` has the columns of an account."""
    asked = [_seen(seen, row, slot(3))] if seen else []
    asked += [search.holds(shape, row, slot(4), slot(5))] if shape else []
    return reduce(lambda one, other: one & other, asked) if asked else None


def _seen(word: str, row: Any, time: Any) -> Expression:
    last = row.last_signed_in_at
    return {"never": last == 0, "7d": last >= time}.get(word, last < time)


def _since(word: str) -> int:
    """The time that a filter by the last sign-in compares with."""
    return database.now() - {"7d": 7, "90d": 90, "1y": 365}.get(word, 0) * DAY_MS


def _batches(ids: list[int], size: int = 500) -> Iterable[list[int]]:
    return (ids[start:start + size] for start in range(0, len(ids), size))
