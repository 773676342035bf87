from __future__ import annotations

import pytest

from tests.visitor import Visitor
from webadmin.accounts import changes, users
from webadmin.accounts.actors import COMMAND_LINE


def sentences(page) -> list[str]:
    return [each.all("b")[0].text for each in page.all("li") if each.all("b")] or [row.all("td")[0].text for row in page.all("tr") if row.all("td")]


@pytest.fixture
def busy(desk, bob, carol, app, by_ada):
    users.update(bob, {"first_name": "Robert"}, by=by_ada, reason="he asked")
    users.disable(carol, by=by_ada)
    Visitor(app).fill("/login", 403, name="bob", password="wrong password")
    return desk


def test_every_change_and_sign_in_is_listed_with_names(busy):
    page = busy.get("/activity")
    for words in ("Account changed", "Account disabled", "Signed in", "Wrong name or password", "Account made", "he asked", "ada", "bob", "carol"):
        assert words in page.text


@pytest.mark.parametrize("query, there, missing", [
    ("group=refused", "Wrong name or password", "Account disabled"), ("kind=disabled", "carol", "he asked"), ("q=carol", "Account disabled", "he asked"),
    ("q=bob%40example.com", "he asked", "Account disabled"), ("q=nobody", "", "he asked"), ("since=2020-01-01&until=2020-01-02", "", "he asked"),
    ("since=2020-01-01", "he asked", "Nothing"), ("q=a%00b", "", "he asked"), ("until=9999-12-30", "he asked", "Nothing")])
def test_filters_stand_in_the_address(busy, query, there, missing):
    page = busy.get(f"/activity?{query}")
    listing = " ".join(each.text for each in page.all("li") + page.all("td") + page.all("p")) if missing != "Nothing" else page.text
    assert there in page.text and (missing == "Nothing" or missing not in listing.replace("Account disabled" if query == "q=nobody" else "\0", ""))


def test_one_account_has_its_own_list(busy, bob):
    page = busy.get(f"/activity?account={bob.id}")
    assert "he asked" in page.text and "carol" not in " ".join(each.text for each in page.all("td") + page.all("li"))


@pytest.mark.parametrize("query", ["group=x", "kind=x", "account=x", "account=-1", "account=１", "since=yesterday", "since=2026-02-30", "until=x", "after=x", "before=1e3",
                                   "after=99999999999999999999", "account=" + "9" * 5000, "until=9999-12-31", "since=9999-12-31", "since=0001-01-01",
                                   "until=0001-01-01"])
def test_odd_words_are_refused_and_never_a_500(busy, query):
    assert busy.client.get(f"/activity?{query}").status_code in (200, 400, 404, 422)


@pytest.mark.parametrize("query", ["after=1", "before=999999"])
def test_a_page_past_either_end_says_so_and_leads_back(busy, query):
    page = busy.get(f"/activity?group=change&{query}")
    assert "Nothing on this page" in page.text and page.href("First page") == "/activity?group=change"


@pytest.mark.parametrize("query", ["group=x", "kind=x", "account=x", "since=yesterday", "after=x"])
def test_a_list_that_there_is_not_is_a_400(busy, query):
    busy.get(f"/activity?{query}", 400)


def test_a_missing_account_is_not_found(busy):
    busy.get("/activity?account=99999", 404)


def test_pages_go_on_to_the_oldest_entry_and_back(busy, bob):
    for number in range(110):
        users.update(bob, {"first_name": f"n{number}"}, by=COMMAND_LINE)
    page, steps = busy.get("/activity?q=bob"), 1
    while page.all("a", rel="next"):
        page, steps = busy.get(page.all("a", rel="next")[0].attrs["href"]), steps + 1
    assert steps == 3 and "Account made" in page.text and page.all("a", rel="prev") and page.all("a", rel="first")
    assert "Account made" in busy.get(busy.get("/activity?q=bob").all("a", rel="last")[0].attrs["href"]).text


def test_every_kind_reads_as_a_sentence(desk, bob, by_ada):
    for kind in changes.Kind:
        changes.record(kind, by=by_ada, account=bob, before={"role": 1}, after={"role": 2})
    page = desk.get("/activity")
    assert all(kind.sentence in page.text for kind in changes.Kind)
    desk.get(f"/users/{bob.id}")
