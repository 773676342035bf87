from __future__ import annotations

import base64
import json
from dataclasses import replace
from functools import cache

import pytest

from webadmin.accounts import directory, fields, search, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.directory import View
from webadmin.accounts.errors import Invalid
from webadmin.accounts.models import Account
from webadmin.store import bulk, database
from webadmin.store.database import DAY_MS

WORDS = ["Ada", "bob", "Çelik", "Émile", "zoe", "Zoë", "ægir", "李", "Ω", "o'Neil", "A B", "a\u1680b"]
NUMBER = 64      # accounts


@cache
def drafts() -> list[Account]:
    """Accounts of every state and role, with equal sort keys among them, without their passwords' hashes; not in any store."""
    now, made = database.now(), []
    for number in range(NUMBER):
        account = Account(object_id=f"{number:024x}", created_at=now - number % 7 * DAY_MS, updated_at=now, username="", display_name="")
        fields.put(account, {"username": f"user{number:03}", "email": f"u{number % 50}{'x' * (number // 50)}@example.com" if number % 3 else "",
                             "display_name": WORDS[number % len(WORDS)], "role": 2 if number % 5 == 0 else 1})
        account.last_signed_in_at = 0 if number % 4 == 0 else now - number * 10 * DAY_MS
        account.active, account.deleted_at = number % 6 != 1, now if number % 11 == 3 else None
        made.append(account)
    return made


@pytest.fixture
def many(store):
    columns = [each for each in Account._meta.sorted_fields if each.name not in ("id", "shelf", "email_sort")]
    with database.transaction():
        bulk.insert(columns, ([getattr(account, each.name) for each in columns] for account in drafts()))
        search.add_all(Account.select(Account.id))
    return list(Account.select())


def everyone(view: View) -> list[int]:
    """The numbers on all pages, walked forward; and the same walked back from the last page."""
    page, there = directory.page(view), []
    there += [row.id for row in page.rows]
    while page.after:
        page = directory.page(replace(view, after=page.after))
        there += [row.id for row in page.rows]
    page = directory.page(replace(view, before=""))
    back = [row.id for row in page.rows]
    while page.before:
        page = directory.page(replace(view, before=page.before))
        back = [row.id for row in page.rows] + back
    assert there == back
    return there


def wanted(accounts: list[Account], view: View) -> list[int]:
    """What the list should show, sorted by Python."""
    keys = {"display_name": lambda a: a.display_key, "username": lambda a: a.username_key, "email": lambda a: a.email_key or "",
            "created": lambda a: a.created_at, "last_signed_in": lambda a: a.last_signed_in_at,
            "state": lambda a: (("active", "disabled", "deleted").index(a.state), a.display_key), "role": lambda a: (a.role, a.display_key)}
    shown = [each for each in accounts if (each.state == view.state if view.state else each.state != "deleted")
             and (not view.role or each.role == {"user": 1, "administrator": 2}[view.role])]
    return [each.id for each in sorted(shown, key=lambda a: (keys[view.sort](a), a.id), reverse=view.order == "desc")]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", directory.SORTS)
def test_every_sort_meets_every_row_once_forward_and_back(many, sort, order):
    for state, role in (("", ""), ("active", ""), ("", "administrator"), ("deleted", "user")):
        view = View(sort=sort, order=order, state=state, role=role, per_page=25)
        assert everyone(view) == wanted(many, view)


@pytest.mark.parametrize("word, keep", [
    ("never", lambda a, now: a.last_signed_in_at == 0), ("7d", lambda a, now: a.last_signed_in_at >= now - 7 * DAY_MS),
    ("90d", lambda a, now: a.last_signed_in_at < now - 90 * DAY_MS), ("1y", lambda a, now: a.last_signed_in_at < now - 365 * DAY_MS)])
def test_the_last_sign_in_is_a_filter(many, word, keep):
    now = database.now()
    found = everyone(View(last_signed_in=word, per_page=25))
    assert sorted(found) == sorted(each.id for each in many if each.state != "deleted" and keep(each, now))
    assert set(everyone(View(last_signed_in=word, q="user", per_page=25))) == set(found)


def test_counts_say_how_many_there_are_in_each_state(many):
    page = directory.page(View())
    states = [each.state for each in many]
    assert page.counts == {"active": states.count("active"), "disabled": states.count("disabled"), "deleted": states.count("deleted"),
                           "all": states.count("active") + states.count("disabled")}
    assert page.total == page.counts["all"]
    assert directory.page(View(state="deleted")).total == states.count("deleted")
    administrators = [each for each in many if each.role == 2 and each.state == "active"]
    assert directory.page(View(state="active", role="administrator")).total == len(administrators)
    users.delete(next(each for each in many if each.state == "active" and each.role == 1), by=COMMAND_LINE)
    assert directory.page(View()).total == page.total - 1, "counted anew after a write"


def test_a_filter_that_finds_few_says_how_many(many):
    """Nothing above MOST_COUNTED is claimed of a handful."""
    assert directory.page(View(last_signed_in="never")).total is not None or directory.page(View(last_signed_in="never")).after is not None


@pytest.mark.parametrize("term", ["user0", "user01", "example", "Émile", "EMILE", "李", "Ω", "ω", "ç", "zo", "ZOË", "o'n", "us", "u1", "x@ex", "a b"])
@pytest.mark.parametrize("most", [2000, 3])
def test_a_search_finds_what_holds_the_term_whether_rare_or_common(many, monkeypatch, term, most):
    monkeypatch.setattr(search, "ENOUGH", most)
    sought = search.term_of(term)
    inside = len(sought) >= 3
    found = [each for each in many if (sought in each.search_text if inside else any(
        text.startswith(sought) for text in (each.username_key, each.display_key, each.email_key or "-")))]
    for sort in ("display_name", "created"):
        view = View(q=term, sort=sort, per_page=25)
        assert everyone(view) == wanted(found, view)
        assert everyone(replace(view, state="deleted", order="desc")) == wanted(found, replace(view, state="deleted", order="desc"))


@pytest.mark.parametrize("term", ["%", "_", "%%%", "___", "us%r", "us_r0", "*", "user*", "^user", '"', "\"user\"", "'", "' OR 1=1 --", "NEAR(a b)", "user OR bob",
                                  "search_text:user", "\\", "\\\\%", "a\0b", "abc\0def", "\0", "\ud800", "abc\ud800", "(", "-user", "{user}", "x" * 5000,
                                  "\U0001f600", "\u0301", "\u202e", "user\nuser", "😀😀😀"])
def test_a_search_for_signs_finds_only_those_signs(many, term):
    for sort in ("display_name", "created"):
        assert directory.page(View(q=term, sort=sort)).rows == []


def test_signs_that_are_there_are_found(ada, person):
    person("x1", display_name="100% sure")
    person("x2", display_name="snake_case \"quoted\" back\\slash")
    for term, name in (("0% s", "x1"), ("e_c", "x2"), ('"quo', "x2"), ("k\\s", "x2")):
        assert [row.username for row in directory.page(View(q=term)).rows] == [name]


def test_the_index_stays_true(ada, bob, carol, by_ada, person):
    users.update(bob, {"username": "robert", "first_name": "Señor"}, by=by_ada)
    users.update(carol, {"email": "", "display_name": "Karoline"}, by=by_ada)
    users.purge(users.delete(person("gone", display_name="Bobolink"), by=by_ada), by=by_ada)
    users.disable(bob, by=by_ada)
    accounts = list(Account.select())
    for text in {each.search_text[start:start + 3] for each in accounts for start in range(len(each.search_text) - 2)} | {"lin", "bol", "zzz"}:
        if "\n" not in text and text.strip() == text:
            expected = {each.id for each in accounts if text in each.search_text}
            assert set(search.matching(text).ids or []) == expected, text
    assert all(each.search_text == search.text_of(each) for each in accounts)


@pytest.mark.parametrize("name, value", [("sort", "password"), ("sort", "password_hash"), ("sort", "id"), ("sort", "shelf"), ("order", "up"), ("order", "ASC"),
                                         ("state", "gone"), ("role", "2"), ("last_signed_in", "today"), ("per_page", 10), ("per_page", 0), ("per_page", -1)])
def test_an_unknown_view_is_refused(store, name, value):
    with pytest.raises(Invalid) as wrong:
        View(**{name: value})
    assert wrong.value.field == name


def coded(content: object) -> str:
    return base64.urlsafe_b64encode(content if isinstance(content, bytes) else json.dumps(content).encode()).decode().rstrip("=")


GARBAGE = ["x", "%", "é", "=", "A" * 7000, coded(5), coded(None), coded([]), coded({}), coded({"a": 1, "b": 2, "c": 3}), coded([1, 2]), coded([0, "a", 1, 1]),
           coded([0, "a", "1"]), coded([0, None, 1]), coded(["0", "a", 1]), coded([True, "a", 1]), coded([0, 1.5, 1]), coded([0, [], 1]),
           coded([0, "a\0b", 1]), coded([0, "\ud800", 1]), coded([0, 1 << 63, 1]), coded([0, "a", 1 << 63]), coded([10**30, "a", 1]),
           coded(b"[" * 6000), coded(b"\xff\xfe"), coded(b"[0,NaN,1]"), coded(b"[0,1e999,1]"), coded(b"[0," + b"9" * 5000 + b",1]"), coded(b"")]


@pytest.mark.parametrize("cursor", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("side", ["after", "before"])
def test_a_cursor_that_is_none_is_refused(ada, cursor, side):
    if cursor or side == "after":
        try:
            directory.page(View(**{side: cursor}))
        except Invalid:
            return
        assert not cursor or directory._place(cursor, "display_name") is None, "only an empty cursor means a page"


@pytest.mark.parametrize("sort, key", [("created", "text"), ("last_signed_in", ""), ("display_name", 7), ("email", 0)])
@pytest.mark.parametrize("side", ["after", "before"])
def test_a_cursor_of_another_sort_is_refused(ada, sort, key, side):
    with pytest.raises(Invalid):
        directory.page(View(sort=sort, **{side: coded([0, key, 1])}))


def test_a_row_that_went_away_leaves_its_cursor_good(many):
    page = directory.page(View(per_page=25))
    Account.delete().where(Account.id == page.rows[-1].id).execute()
    following = directory.page(View(per_page=25, after=page.after))
    assert len(following.rows) == 25 and not {row.id for row in page.rows} & {row.id for row in following.rows}
