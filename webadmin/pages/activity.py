"""Activity: every change and every sign-in, newest first."""
from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from webadmin.accounts import activity, changes
from webadmin.accounts.errors import NotFound, UnknownView
from webadmin.pages import days, forms, shown, signed_in

pages = signed_in.door("activity", "/activity")
WORDS = ("q", "group", "kind", "account", "since", "until")


@pages.get("")
def index() -> ResponseReturnValue:
    words = {name: request.args.get(name, "").strip() for name in WORDS}
    found = activity.page(_filter(words))
    number = _number("account", words["account"])
    if number and not found.entries and not activity.is_known(number):
        raise NotFound
    return render_template("activity/list.html", page=_page(found, words), q=words["q"], since=words["since"], until=words["until"],
                           account=(activity.name_of(number), shown.address("/activity", words, account=None)) if number else None,
                           groups=_choices("group", changes.GROUPS.items(), "Everything", words),
                           kinds=_choices("kind", ((word, kind.sentence) for word, kind in changes.KINDS.items()), "Any kind", words),
                           hidden=[(name, words[name]) for name in ("group", "kind", "account") if words[name]])


def _choices(name: str, choices: Iterable[tuple[str, str]], everything: str, words: dict[str, str]) -> list[tuple[str, str, bool]]:
    """(label, address, chosen). A kind belongs to one group, so choosing either lets the other go."""
    gone = {"group": "kind", "kind": "group"}[name]
    others = [(label, shown.address("/activity", words, **{name: word, gone: None}), words[name] == word) for word, label in choices]
    return [(everything, shown.address("/activity", words, **{name: None}), not words[name]), *others]


def _filter(words: dict[str, str]) -> activity.Filter:
    cursors: dict[str, Any] = {name: _number(name, request.args[name]) or 0 for name in ("after", "before") if name in request.args}
    since, until = _day("since", words["since"]), _day("until", words["until"])
    return activity.Filter(group=words["group"], kind=words["kind"], person=words["q"], account=_number("account", words["account"]),
                           since=days.begin(since), until=days.end(until), **cursors)


def _page(found: activity.Page, words: dict[str, str]) -> dict[str, Any]:
    return {"rows": [shown.line(each) for each in found.entries], "first": shown.address("/activity", words) if found.before else None,
            "prev": shown.address("/activity", words, before=found.before) if found.before else None,
            "next": shown.address("/activity", words, after=found.after) if found.after else None,
            "last": shown.address("/activity", words, before="") if found.after else None,
            "beyond": shown.address("/activity", words) if not found.entries and {"after", "before"} & set(request.args) else None}


def _number(name: str, text: str) -> int | None:
    if not text:
        return None
    if not forms.is_whole(text):
        raise UnknownView(f"The word “{name}” of this address must be a number.", field=name)
    return int(text)


def _day(name: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UnknownView("A day looks like 2026-11-21.", field=name) from None
