"""The list of users: the words of its address, and what its template shows."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from webadmin.accounts import directory
from webadmin.accounts.models import Role
from webadmin.pages import shown

COLUMNS = (("display_name", "Name"), ("state", "State"), ("email", "E-mail"), ("username", "Username"), ("role", "Role"),
           ("last_signed_in", "Last signed in"), ("created", "Created"))
STATES = (("", "All"), *shown.STATES.items())
ROLES = (("", "Any role"), *((role.name.lower(), shown.ROLES[role]) for role in (Role.ADMINISTRATOR, Role.USER)))
SEEN = (("", "At any time"), ("7d", "In the last 7 days"), ("90d", "Not for 90 days"), ("1y", "Not for a year"), ("never", "Never"))
WORDS = ("q", "state", "role", "last_signed_in", "sort", "order", "per_page")
NEWEST_FIRST = ("last_signed_in", "created")


def view(words: Mapping[str, str]) -> directory.View:
    """The words of the address, the last of a repeated one; numbers that are none are refused like unknown words."""
    given = {name: words.get(name, "") for name in WORDS if words.get(name)}
    size = given.pop("per_page", "50")
    rows = int(size) if size.isascii() and size.isdecimal() and len(size) < 5 else 0
    cursors = {name: words.get(name) for name in ("after", "before") if name in words}
    return directory.View(**given, per_page=rows, **cursors)  # type: ignore[arg-type]


def shown_on_page(view: directory.View, found: directory.Page, *, me: int) -> dict[str, Any]:
    """The variables of users/list.html, `me` being the account of whoever looks."""
    words, around = _words(view), _around(replace(view, after=None, before=None))
    alone = not (view.q or view.state or view.role or view.last_signed_in) and len(found.rows) == 1 and found.total == 1
    return {**around, "q": view.q, "page": _page(found, words, me), "counts": _counts(found),
            "states": _states(view, around["state_addresses"], found), "alone": alone, "nothing": not found.rows,
            "among_deleted": _among_deleted(view, words, found),
            "beyond": shown.address("/users", words) if not found.rows and (view.after or view.before) else None}


@lru_cache(maxsize=256)
def _around(view: directory.View) -> dict[str, Any]:
    """What stands around the rows of every page of a view."""
    words = _words(view)
    return {"columns": _columns(view, words), "roles": _choices("role", ROLES, view.role, words),
            "seen": _choices("last_signed_in", SEEN, view.last_signed_in, words),
            "sizes": [(size, shown.address("/users", words, per_page=size), size == view.per_page) for size in directory.SIZES],
            "hidden": [(name, words[name]) for name in WORDS if name != "q" and words.get(name)],
            "state_addresses": [shown.address("/users", words, state=word) for word, _ in STATES]}


def _words(view: directory.View) -> dict[str, Any]:
    """What an address of this view must say; the usual is left out."""
    usual = directory.View()
    return {name: getattr(view, name) for name in WORDS if getattr(view, name) != getattr(usual, name)}


def _page(found: directory.Page, words: dict[str, Any], me: int) -> dict[str, Any]:
    following = {"next": ("after", found.after), "prev": ("before", found.before)}
    links = {rel: shown.address("/users", words, **{word: cursor}) if cursor else None for rel, (word, cursor) in following.items()}
    return {"rows": [(row, row.id == me) for row in found.rows], "total": _total(found),
            "first": shown.address("/users", words) if found.before else None,
            "last": shown.address("/users", words, before="") if found.after else None, **links}


def _counts(found: directory.Page) -> dict[str, str]:
    return {name: _number(count) for name, count in found.counts.items()}


def _among_deleted(view: directory.View, words: dict[str, Any], found: directory.Page) -> tuple[str, str] | None:
    """How many deleted accounts the same view finds, and where; None where it finds none, or looks at one state already."""
    count = found.counts.get("deleted", 0)
    return None if view.state or count == 0 else (_number(count), shown.address("/users", words, state="deleted"))


def _total(found: directory.Page) -> str:
    """Empty where nobody has counted: a filter or a common word that has more than a page."""
    beyond = None in found.counts.values() and found.total is None
    return _number(found.total) if found.total is not None or beyond else ""


def _number(count: int | None) -> str:
    return f"{count:,}" if count is not None else f"{directory.MOST_COUNTED:,}+"


def _columns(view: directory.View, words: dict[str, Any]) -> tuple[tuple[str, str, str, str | None], ...]:
    """(key, label, address that sorts by it, how it is sorted now)."""
    columns = []
    for key, label in COLUMNS:
        here = view.sort == key
        first = "desc" if key in NEWEST_FIRST else "asc"
        order = ("asc" if view.order == "desc" else "desc") if here else first
        sort = {"sort": None if key == "display_name" else key, "order": "desc" if order == "desc" else None}
        columns.append((key, label, shown.address("/users", words, **sort), f"{view.order}ending" if here else None))
    return tuple(columns)


def _states(view: directory.View, addresses: list[str], found: directory.Page) -> tuple[tuple[str, str, bool, str | None], ...]:
    counts = _counts(found)
    return tuple((label, address, view.state == word, counts.get(word or "all"))
                 for address, (word, label) in zip(addresses, STATES, strict=True))


def _choices(name: str, choices: Iterable[tuple[str, str]], chosen: str, words: dict[str, Any]) -> tuple[tuple[str, str, bool], ...]:
    return tuple((label, shown.address("/users", words, **{name: word}), word == chosen) for word, label in choices)
