"""Activity: every change and every sign-in, newest first."""
from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from webadmin.accounts import activity, changes, users
from webadmin.accounts.errors import Invalid
from webadmin.pages import shown, signed_in

pages = signed_in.door("activity", "/activity")
WORDS = ("q", "group", "kind", "account", "since", "until")


@pages.get("")
def index() -> ResponseReturnValue:
    words = {name: request.args.get(name, "").strip() for name in WORDS}
    found = activity.page(_filter(words))
    account = users.find(_number("account", words["account"]) or 0) if words["account"] else None
    return render_template(
        "activity/list.html", page=_page(found, words), q=words["q"], since=words["since"], until=words["until"],
        account=(account.username, shown.address("/activity", words, account=None)) if account else None,
        groups=[("Everything", shown.address("/activity", words, group=None), not words["group"]),
                *((label, shown.address("/activity", words, group=word, kind=None), words["group"] == word) for word, label in changes.GROUPS.items())],
        kinds=[("Any kind", shown.address("/activity", words, kind=None), not words["kind"]),
               *((kind.sentence, shown.address("/activity", words, kind=word, group=None), words["kind"] == word) for word, kind in changes.KINDS.items())],
        hidden=[(name, words[name]) for name in ("group", "kind", "account") if words[name]])


def _filter(words: dict[str, str]) -> activity.Filter:
    cursors: dict[str, Any] = {name: _number(name, request.args[name]) if request.args[name] else 0 for name in ("after", "before") if name in request.args}
    until = _day("until", words["until"])
    return activity.Filter(group=words["group"], kind=words["kind"], person=words["q"], account=_number("account", words["account"]),
                           since=_milliseconds(_day("since", words["since"])), until=_milliseconds(until + timedelta(days=1) if until else None),
                           **cursors)


def _page(found: activity.Page, words: dict[str, str]) -> dict[str, Any]:
    return {"rows": [shown.line(each) for each in found.entries], "first": shown.address("/activity", words) if found.before else None,
            "prev": shown.address("/activity", words, before=found.before) if found.before else None,
            "next": shown.address("/activity", words, after=found.after) if found.after else None,
            "last": shown.address("/activity", words, before="") if found.after else None}


def _number(name: str, text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Invalid(f"The word “{name}” of this address must be a number.", field=name)
    return int(text)


def _day(name: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid("A day looks like 2026-11-21.", field=name) from None


def _milliseconds(day: date | None) -> int | None:
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000) if day else None
