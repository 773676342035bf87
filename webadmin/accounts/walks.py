"""How a list finds its next page: a merge of short walks, one along each shelf (state and role, see models.Shelf) that the filter admits,
each in an index that begins with the shelf. Nothing is ever counted or skipped over.

A search or a filter that the index does not know is asked of each row on the way, for a while only; where that does not fill the page,
the engine is asked for exactly those rows. SQLite merges the shelves lazily, row by row; the other engines give a page from each.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache, reduce
from itertools import groupby
from typing import Any, NamedTuple

from peewee import SQL, Case, Expression, ModelSelect, Ordering, Tuple, Value

from webadmin.accounts import search
from webadmin.accounts.models import Account
from webadmin.accounts.views import BY_NAME, ROLES, SORTS, STATES, Place, View
from webadmin.store import database, dialect
from webadmin.store.database import DAY_MS
from webadmin.store.prepared import Prepared, slot

BUDGET = 4_000                   # rows of a shelf
STEPS = 300_000                  # of SQLite's machine: some 20,000 rows
MANY = 10_000                    # accounts: as many take about as long
SMALL_BATCH, BATCH = 20, 500     # ids at once


class _Asked(NamedTuple):
    """What makes a statement another one; legs are shelf, its rank, and whether the start is on it."""

    sort: str
    down: bool
    legs: tuple[tuple[int, int, bool], ...]
    seen: str
    shape: str


def ahead(view: View, start: Place | None, down: bool, term: str, about: int | None) -> list[Place]:
    """The places that follow `start` in this direction, at most one more than a page holds; `about` so many accounts hold the term."""
    legs = tuple((shelf, view.rank(shelf), start is not None and view.rank(shelf) == start.rank) for shelf in view.shelves
                 if start is None or view.rank(shelf) == start.rank or (view.rank(shelf) > start.rank) != down)     # others lie behind us
    if not legs:
        return []
    values = (start.key if start else None, start.id if start else None, view.per_page + 1, _since(view.last_signed_in), term,
              term + search.LAST_LETTER, search.expression(term), start.rank if start else 0)
    asked = _Asked(view.sort, down, legs, view.last_signed_in, search.shape_of(term))
    plain = not term and (not view.last_signed_in or view.sort == "last_signed_in")
    if database.engine() == "sqlite":
        if plain:
            return _lazily(_walk_in_order, asked, values)
        if asked.shape == "beginning" and view.sort in BY_NAME:
            others = search.begun_elsewhere(term, SORTS[view.sort])
            if others is not None:
                places = beyond(among(view, others, term)[0], start, down)
                return sorted(_lazily(_own_walk, asked, values) + places, reverse=down)[: view.per_page + 1]
        return _within_budget(asked, values, about)
    if plain:
        return _merged(_walk(*asked), values, down)
    found = _merged(_budgeted_walk(*asked), values, down)
    return found if len(found) > view.per_page else _merged(_exact(*asked), values, down)


def _within_budget(asked: _Asked, values: tuple[Any, ...], about: int | None) -> list[Place]:
    """On SQLite: those that may hold the term are found and sorted, unless they are many: then walk, for a while."""
    if about is None or about > MANY:
        with suppress(dialect.TooMuchWork), dialect.at_most(STEPS):
            return _lazily(_walk_in_order, asked, values)
    return _merged(_exact(*asked), values, asked.down)


def _lazily(query: Callable[..., Prepared], asked: _Asked, values: tuple[Any, ...]) -> list[Place]:
    """On SQLite: shelves of one rank are merged by the engine, which reads no further than the last row wanted; then the next rank."""
    found: list[Place] = []
    for rank, legs in groupby(sorted(asked.legs, key=_rank, reverse=asked.down), key=_rank):
        found += [Place(rank, *row) for row in query(*asked._replace(legs=tuple(legs))).tuples(*values)]
        if len(found) >= values[2]:
            break
    return found[: values[2]]


def _rank(leg: tuple[int, int, bool]) -> int:
    return leg[1]


def among(view: View, few: list[int], term: str) -> tuple[list[Place], dict[str, int | None]]:
    """Of a few known accounts: the places of those that the view admits, ascending, and how many of them there are in each state."""
    since = _since(view.last_signed_in)
    rows = [row for some in _batches(few) for row in _among(len(some), view.sort, view.last_signed_in, search.shape_of(term)).tuples(
        *some, since, term, term + search.LAST_LETTER)]
    rows = [row for row in rows if not view.role or row[0] % 2 == ROLES[view.role]]
    counts: dict[str, int | None] = {state: sum(shelf in pair for shelf, _, _ in rows) for state, pair in STATES.items()}
    counts["all"] = sum(shelf not in STATES["deleted"] for shelf, _, _ in rows)
    return sorted(Place(view.rank(shelf), key, number) for shelf, key, number in rows if shelf in view.shelves), counts


@cache
def _among(count: int, sort: str, seen: str, shape: str) -> Prepared:
    def query() -> ModelSelect:
        condition = search.holds(shape, Account, slot(count + 1), slot(count + 2))
        if seen:
            condition &= _seen(seen, Account, slot(count))
        return Account.select(Account.shelf, SORTS[sort], Account.id).where(
            Account.id.in_([slot(each) for each in range(count)]) & condition)
    return Prepared(query)


def beyond(places: list[Place], start: Place | None, down: bool) -> list[Place]:
    ordered = places[::-1] if down else places
    return ordered if start is None else [place for place in ordered if (place < start if down else place > start)]


def _merged(query: Prepared, values: tuple[Any, ...], down: bool) -> list[Place]:
    return [Place(*row) for row in sorted(query.tuples(*values), reverse=down)[: values[2]]]


# slots: 0 key and 1 id of the start, 2 limit, 3 a time, 4 the term, 5 its upper end, 6 the term for the engine's index, 7 the start's rank
@cache
def _walk(sort: str, down: bool, legs: tuple[tuple[int, int, bool], ...], seen: str, _shape: str) -> Prepared:
    return Prepared(lambda: _union(_on_shelf(sort, down, *leg, where=_asked(Account, seen, "")).limit(slot(2)) for leg in legs))


@cache
def _walk_in_order(sort: str, down: bool, legs: tuple[tuple[int, int, bool], ...], seen: str, shape: str) -> Prepared:
    """Shelves of one rank, merged lazily; what is asked of a row is asked on the way."""
    return Prepared(lambda: _in_order(sort, down, legs, _asked(Account, seen, shape)))


@cache
def _own_walk(sort: str, down: bool, legs: tuple[tuple[int, int, bool], ...], seen: str, _shape: str) -> Prepared:
    """Of the rows that begin with the term, those that do so in the column that sorts: they stand together."""
    begun = search.begins(SORTS[sort], slot(4), slot(5))
    condition = begun & _asked(Account, seen, "") if seen else begun
    return Prepared(lambda: _in_order(sort, down, legs, condition))


def _in_order(sort: str, down: bool, legs: tuple[tuple[int, int, bool], ...], where: Expression | None) -> Any:
    column = SORTS[sort]
    if len(legs) == 1:
        return _ordered(_of_shelf(column, down, *legs[0], where, (column, Account.id)), column, down).limit(slot(2))
    rows = reduce(lambda one, other: one.union_all(other), (_of_shelf(column, down, *leg, where, (column, Account.id)) for leg in legs))
    return rows.order_by(*(SQL(f"{place} DESC" if down else f"{place}") for place in (1, 2))).limit(slot(2))


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
    return _ordered(_of_shelf(column, down, shelf, rank, bounded, where, (*place, *further)), column, down)


def _of_shelf(column: Any, down: bool, shelf: int, _rank: int, bounded: bool, where: Expression | None,
              wanted: Iterable[Any]) -> ModelSelect:
    query = Account.select(*wanted).where(Account.shelf == shelf)
    if bounded:
        query = query.where(dialect.beyond(column, Account.id, (slot(0), slot(1)), down))
    return query if where is None else query.where(where)


def _ordered(query: ModelSelect, column: Any, down: bool) -> ModelSelect:
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


def _batches(ids: list[int]) -> Iterator[list[int]]:
    """Of two sizes, so that few statements are ever made; the last id of the last one is repeated."""
    for start in range(0, len(ids), BATCH):
        some = ids[start:start + BATCH]
        yield some + some[-1:] * ((SMALL_BATCH if len(some) <= SMALL_BATCH else BATCH) - len(some))
