"""Queries whose SQL is built once: building it costs peewee more than running it costs the engine.

    BY_KEY = Prepared(lambda: Session.select().where(Session.key_hash == slot(0)))
    BY_KEY.first(key_hash)
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import peewee
from peewee import ModelSelect, Value

from webadmin.store import database

AS_IT_COMES = (peewee.IntegerField, peewee.CharField, peewee.TextField)


class _Slot:
    """The place of a value that is known only when the query runs."""

    def __init__(self, number: int):
        self.number = number


def slot(number: int) -> Value:
    return Value(_Slot(number), converter=False)


class _Part(NamedTuple):
    """The columns of one model in a row: where they stand, their names, and those whose values are not taken as the engine gives them."""

    model: Any
    attribute: str       # of the first model, that holds the joined one; empty for the first itself
    columns: slice
    names: list[str]
    turned: list[tuple[str, Callable[[Any], Any]]]

    def of(self, row: tuple[Any, ...]) -> Any:
        made = self.model(__no_default__=True)
        found = made.__data__
        found.update(zip(self.names, row[self.columns], strict=True))
        for name, turn in self.turned:
            found[name] = turn(found[name])
        return made


class _Query(NamedTuple):
    sql: str
    parameters: list[Any]
    parts: list[_Part]
    further: list[str]      # names of what is selected behind the columns

    def filled(self, values: tuple[Any, ...]) -> list[Any]:
        return [values[each.number] if isinstance(each, _Slot) else each for each in self.parameters]

    def model(self, row: tuple[Any, ...]) -> Any:
        """The row as its model; peewee would work out anew, for each row, which column belongs where."""
        first, *joined = self.parts
        made = first.of(row)
        for part in joined:
            setattr(made, part.attribute, part.of(row))
        for name, value in zip(reversed(self.further), reversed(row), strict=False):
            setattr(made, name, value)
        return made


class Prepared:
    """A query with slots for the values of each run: of columns, or of whole models, each joined one under an attribute of the first."""

    def __init__(self, build: Callable[[], ModelSelect]):
        self.build = build
        self.known: dict[str, _Query] = {}      # by engine

    def tuples(self, *values: Any) -> list[tuple[Any, ...]]:
        """The rows as the engine gives them."""
        query = self._built()
        return database.proxy.obj.execute_sql(query.sql, query.filled(values)).fetchall()

    def first(self, *values: Any) -> Any:
        """The first row as its model, None where there is none."""
        query = self._built()
        row = database.proxy.obj.execute_sql(query.sql, query.filled(values)).fetchone()
        return query.model(row) if row is not None else None

    def all(self, *values: Any) -> list[Any]:
        """The rows as their models."""
        query = self._built()
        return [query.model(row) for row in database.proxy.obj.execute_sql(query.sql, query.filled(values)).fetchall()]

    def _built(self) -> _Query:
        engine = database.engine()
        if engine not in self.known:
            query = self.build()
            sql, parameters = query.sql()
            self.known[engine] = _Query(sql, parameters, *_shape(query))
        return self.known[engine]


def _shape(query: Any) -> tuple[list[_Part], list[str]]:
    """Which models the columns of a query belong to, one after another, and what else it selects behind them."""
    selected = getattr(query, "_returning", ())      # a union hands on what its parts select
    fields = [each for each in selected if isinstance(each, peewee.Field)]
    attributes = {joined: attribute for joins in getattr(query, "_joins", {}).values() for joined, attribute, *_ in joins}
    parts, start = [], 0
    for model in dict.fromkeys(each.model for each in fields):
        own = [each for each in fields if each.model is model]
        turned = [(each.name, each.python_value) for each in own if not isinstance(each, AS_IT_COMES)]
        parts.append(_Part(model, attributes.get(model, ""), slice(start, start + len(own)), [each.name for each in own], turned))
        start += len(own)
    return parts, [each._alias for each in selected[len(fields):] if isinstance(each, peewee.Alias)]
