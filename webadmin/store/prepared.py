"""Queries whose SQL is built once: building it costs peewee more than running it costs the engine.

    BY_KEY = Prepared(lambda: Session.select().where(Session.key_hash == slot(0)))
    BY_KEY.first(key_hash)
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peewee import ModelSelect, Value

from webadmin.store import database


class _Slot:
    """The place of a value that is known only when the query runs."""

    def __init__(self, number: int):
        self.number = number


def slot(number: int) -> Value:
    return Value(_Slot(number), converter=False)


class Prepared:
    """A query with slots for the values of each run."""

    def __init__(self, build: Callable[[], ModelSelect]):
        self.build = build
        self.known: dict[str, tuple[ModelSelect, str, list[Any]]] = {}      # by engine

    def tuples(self, *values: Any) -> list[tuple[Any, ...]]:
        """The rows as the engine gives them."""
        _, sql, parameters = self._built()
        return database.proxy.obj.execute_sql(sql, _filled(parameters, values)).fetchall()

    def first(self, *values: Any) -> Any:
        """The first row as its model, None where there is none."""
        query, sql, parameters = self._built()
        found = query._get_cursor_wrapper(database.proxy.obj.execute_sql(sql, _filled(parameters, values)))
        return next(iter(found), None)

    def _built(self) -> tuple[ModelSelect, str, list[Any]]:
        engine = database.engine()
        if engine not in self.known:
            query = self.build()
            self.known[engine] = (query, *query.sql())
        return self.known[engine]


def _filled(parameters: list[Any], values: tuple[Any, ...]) -> list[Any]:
    return [values[each.number] if isinstance(each, _Slot) else each for each in parameters]
