from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import PASSWORD, again
from tests.visitor import Visitor
from webadmin.accounts import users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account, Role, Session
from webadmin.store import database

NEW = {"username": "eve", "password": "a password for eve", "email": "eve@example.com", "display_name": "Eve Ng"}


def names(page) -> list[str]:
    return [each.text for each in page.all("td", class_="handle")] or [
        cell.text for row in page.all("tr") for number, cell in enumerate(row.all("td")) if number == 3]


def listed(page) -> list[str]:
    return [row.all("a")[0].text for row in page.all("tr") if row.all("td")]


@pytest.fixture
def crowd(desk, person):
    for number in range(60):
        person(f"user{number:02}", display_name=f"Person {number:02}", role=Role.ADMINISTRATOR if number % 20 == 0 else Role.USER)
    return desk


def test_an_empty_house_offers_one_door(desk):
    page = desk.get("/users")
    assert page.href("New user") == "/users/new" and "Who comes in first?" in page.text


def test_the_list_shows_everyone_but_the_deleted(desk, bob, carol):
    users.delete(carol, by=COMMAND_LINE)
    assert listed(desk.get("/users")) == ["Ada Okonkwo", "Bob Li"]
    assert listed(desk.get("/users?state=deleted")) == ["Carol Müller"]


@pytest.mark.parametrize("query, found", [
    ("q=bob", ["Bob Li"]), ("q=BOB@example", ["Bob Li"]), ("q=muller", ["Carol Müller"]), ("q=mü", []), ("q=ca", ["Carol Müller"]), ("q=nobody", []), ("q=%25", []),
    ("q=abc%00def", []), ("q=%ff", []), ("q=%ED%A0%80", []), ("role=administrator", ["Ada Okonkwo"]), ("role=user&sort=username&order=desc", ["Carol Müller", "Bob Li"]),
    ("last_signed_in=never", ["Bob Li", "Carol Müller"]), ("last_signed_in=7d", ["Ada Okonkwo"]), ("state=disabled", []), ("q=bob&last_signed_in=never", ["Bob Li"]),
    ("sort=created&order=desc", ["Carol Müller", "Bob Li", "Ada Okonkwo"]), ("q=example.com&per_page=25&sort=email", ["Ada Okonkwo", "Bob Li", "Carol Müller"]),
    ("state=&role=&q=&sort=", ["Ada Okonkwo", "Bob Li", "Carol Müller"])])
def test_search_filters_and_sort_stand_in_the_address(desk, bob, carol, query, found):
    page = desk.get(f"/users?{query}")
    assert listed(page) == found
    assert "None" not in page.text and ("10,000" not in page.text), "a handful is counted"


@pytest.mark.parametrize("query", ["sort=password", "sort=password_hash", "sort=id", "order=up", "state=gone", "role=2", "per_page=1", "per_page=-1", "per_page=1e9",
                                   "per_page=９", "per_page=5000000000", "last_signed_in=today", "after=x", "before=%00", "after=NQ", "after=bnVsbA", "before=W10",
                                   "after=" + "W1tbW1tb" * 900, "sort=created&after=WzAsImEiLDFd"])
def test_a_list_that_there_is_not_is_a_400(desk, bob, query):
    desk.get(f"/users?{query}", 400)


@pytest.mark.parametrize("query", ["password__startswith=%24", "page=-1", "page=abc", "id=7", "q=a&q=b", "sort=email&sort=username", "fields=password_hash"])
def test_words_that_mean_nothing_are_ignored(desk, bob, query):
    assert "$2b$" not in desk.get(f"/users?{query}").markup


def test_pages_are_linked_both_ways_and_keep_the_whole_view(crowd):
    page, seen = crowd.get("/users?q=user&sort=username&order=desc&per_page=25"), []
    seen += listed(page)
    assert not page.all("a", rel="prev") and not page.all("a", rel="first")
    while page.all("a", rel="next"):
        address = page.all("a", rel="next")[0].attrs["href"]
        words = parse_qs(urlsplit(address).query)
        assert {name: words[name] for name in ("q", "sort", "order", "per_page")} == {
            "q": ["user"], "sort": ["username"], "order": ["desc"], "per_page": ["25"]}
        page = crowd.get(address)
        seen += listed(page)
    assert seen == [f"Person {number:02}" for number in range(59, -1, -1)]
    assert listed(crowd.get(page.all("a", rel="first")[0].attrs["href"])) == seen[:25]
    assert listed(crowd.get(page.all("a", rel="prev")[0].attrs["href"])) == seen[25:50]
    last = crowd.get(crowd.get("/users?per_page=25").all("a", rel="last")[0].attrs["href"])
    assert listed(last)[-1] == "Person 59"


def test_a_page_past_either_end_says_so_and_leads_back(crowd):
    address = crowd.get("/users?q=user&per_page=25").all("a", rel="next")[0].attrs["href"]
    back = crowd.get(address).all("a", rel="prev")[0].attrs["href"]
    for account in Account.select().where(Account.username > "user20", Account.username != "ada"):
        users.delete(account, by=COMMAND_LINE)
    page = crowd.get(address)
    assert "Nothing on this page" in page.text and "Nobody matches" not in page.text
    assert listed(crowd.get(page.href("First page"))) == [f"Person {number:02}" for number in range(21)]
    for account in Account.select().where(Account.username.startswith("user"), Account.deleted_at.is_null()):
        users.delete(account, by=COMMAND_LINE)
    assert "Nothing on this page" in crowd.get(back).text and "Nobody matches" in crowd.get("/users?q=user").text


@pytest.mark.parametrize("size", [25, 50, 100])
def test_page_sizes(crowd, size):
    page = crowd.get(f"/users?per_page={size}")
    assert len(listed(page)) == min(size, 61)
    assert "61" in page.h1


def test_every_heading_sorts_and_a_second_click_turns_it_round(crowd):
    heads = crowd.get("/users?role=user").all("th")
    assert len(heads) == 7
    for head in heads:
        address = head.all("a")[0].attrs["href"]
        assert "role=user" in address
        sorted_now = [each for each in crowd.get(address).all("th") if "aria-sort" in each.attrs]
        assert [each.text for each in sorted_now] == [head.text]
        again_ = crowd.get(sorted_now[0].all("a")[0].attrs["href"])
        assert [each.attrs["aria-sort"] for each in again_.all("th") if "aria-sort" in each.attrs] != [sorted_now[0].attrs["aria-sort"]]


def test_somebody_who_never_signed_in_reads_never(desk, bob):
    assert "Never signed in" in [cell.text for cell in desk.get("/users?q=bob").all("td")]
    assert "56 years ago" not in desk.get(f"/users/{bob.id}").text


def test_a_new_account_is_made(desk):
    desk.fill("/users/new", **NEW)
    eve = users.named("eve")
    assert desk.location == f"/users/{eve.id}" and eve.must_change_password and eve.role == Role.USER
    assert desk.follow().h1 == "Eve Ng" and "Made the account of Eve Ng." in desk.page.text


@pytest.mark.parametrize("fields, words", [
    ({"username": "BOB"}, "Another account has this username."), ({"email": "bob@example.com"}, "Another account has this e-mail address."),
    ({"username": "a b"}, "letters from a to z"), ({"email": "nowhere"}, "This is not an e-mail address"), ({"password": "password1"}, "commonest"),
    ({"password": ""}, "A password is needed."), ({"password": "short"}, "at least 8"), ({"display_name": "x" * 256}, "longer than 255"),
    ({"role": "3"}, ""), ({"role": "x"}, ""), ({"expires_on": "yesterday"}, ""), ({"expires_on": "2026-02-30"}, ""), ({"display_name": "a\u202eb"}, "cannot be seen")])
def test_what_was_typed_stays_when_a_new_account_is_refused(desk, bob, fields, words):
    page = desk.fill("/users/new", 422, **{**NEW, **fields})
    shown = {**NEW, **fields}
    assert words in page.text and page.value("password") == ""
    assert all(page.value(name) == shown[name] for name in ("username", "email", "display_name")) and users.named("eve") is None
    assert page.all("div", class_="wrongs")


@pytest.mark.parametrize("day", ["9999-12-31", "1969-12-31", "2026-11-21"])
def test_any_day_of_the_calendar_can_be_the_last(desk, bob, day):
    desk.fill(f"/users/{bob.id}/edit", expires_on=day)
    assert desk.get(f"/users/{bob.id}/edit").value("expires_on") == day
    desk.get(f"/users/{bob.id}")


def test_an_account_that_is_over_says_so_in_the_list_and_on_its_page(desk, bob, clock):
    users.update(bob, {"expires_at": database.now() + 60_000}, by=COMMAND_LINE)
    assert "This account ended" not in desk.get(f"/users/{bob.id}").text
    clock(minutes=2)
    assert "This account ended" in desk.get(f"/users/{bob.id}").text and "Ended" in desk.get("/users?q=bob").text
    users.update(bob, {"expires_at": None}, by=COMMAND_LINE)
    assert "This account ended" not in desk.get(f"/users/{bob.id}").text


def test_the_last_day_reads_the_same_everywhere(desk, bob):
    desk.fill(f"/users/{bob.id}/edit", expires_on="2031-05-06")
    page = desk.get(f"/users/{bob.id}")
    assert "2031-05-06" in page.text and "2031-05-07" not in page.text


def test_an_account_shows_its_facts_and_history(desk, bob, app):
    desk.fill(f"/users/{bob.id}/edit", first_name="Robert", reason="married")
    Visitor(app).sign_in("bob")
    page = desk.get(f"/users/{bob.id}")
    assert "Robert" in page.text and "married" in page.text and "ada" in page.text and "Not signed in anywhere." not in page.text
    assert page.href("Edit") == f"/users/{bob.id}/edit"


def test_an_edit_is_saved_and_nothing_else_changes(desk, bob):
    before = again(bob).__data__
    desk.fill(f"/users/{bob.id}/edit", display_name="Bobby")
    assert desk.location == f"/users/{bob.id}" and "Saved the account of Bobby." in desk.follow().text
    changed = {name for name, value in again(bob).__data__.items() if before[name] != value}
    assert changed == {"display_name", "display_key", "search_text", "version", "updated_at"}


def test_a_display_name_that_nobody_typed_goes_with_the_username(desk, person):
    eve = person("eve@example.com")
    desk.fill(f"/users/{eve.id}/edit", username="eve.b@example.com", email="eve.b@example.com")
    assert again(eve).display_name == "eve.b@example.com"
    desk.fill(f"/users/{eve.id}/edit", display_name="Eve", username="eve")
    assert (again(eve).display_name, again(eve).username) == ("Eve", "eve")


def test_what_was_typed_stays_when_an_edit_is_refused(desk, bob, carol):
    page = desk.fill(f"/users/{bob.id}/edit", 422, username="carol", display_name="Bobby", reason="he asked")
    assert page.value("username") == "carol" and page.value("display_name") == "Bobby" and page.value("reason") == "he asked"
    assert "Another account has this username." in page.text and again(bob).display_name == "Bob Li"
    desk.send(f"/users/{bob.id}/edit", username="bobby")
    assert (again(bob).username, again(bob).display_name) == ("bobby", "Bobby")


def test_a_stale_form_shows_both_values_and_saves_on_top_when_sent_again(desk, bob):
    desk.get(f"/users/{bob.id}/edit")
    users.update(bob, {"display_name": "Robert Li", "first_name": "Robert"}, by=COMMAND_LINE)
    page = desk.send(f"/users/{bob.id}/edit", 409, display_name="Bobby", reason="he asked")
    assert "Bobby" in page.text and "Robert Li" in page.text and page.value("display_name") == "Bobby" and page.value("reason") == "he asked"
    assert again(bob).display_name == "Robert Li"
    desk.send(f"/users/{bob.id}/edit")
    assert again(bob).display_name == "Bobby"


@pytest.mark.parametrize("version", ["", "x", "-1", "１", "9" * 5000, "1e3", "0"])
def test_an_odd_version_is_never_a_500(desk, bob, version):
    desk.get(f"/users/{bob.id}/edit")
    form = desk.page.form(f"/users/{bob.id}/edit")
    assert desk.client.post(f"/users/{bob.id}/edit", data={**form, "version": version}).status_code in (303, 400, 409, 422)


def test_ones_own_account_can_be_edited_like_any_other(desk, ada):
    page = desk.get(f"/users/{ada.id}/edit")
    assert not page.all("input", name="password"), "one's own password is changed where the current one is asked for"
    desk.fill(f"/users/{ada.id}/edit", display_name="Ada O.", reason="shorter")
    assert again(ada).display_name == "Ada O." and desk.signed_in()


def test_the_last_administrator_is_told_so(desk, ada):
    page = desk.fill(f"/users/{ada.id}/edit", 422, role="1")
    assert "At least one active administrator must remain." in page.text
    desk.get(f"/users/{ada.id}")
    for action in ("disable", "delete"):
        page = desk.post(f"/users/{ada.id}/{action}", 422)
        assert "At least one active administrator must remain." in page.text
        desk.get(f"/users/{ada.id}")
    assert again(ada).state == "active"


def test_disable_and_enable(desk, bob, app):
    other = Visitor(app).sign_in("bob")
    desk.get(f"/users/{bob.id}")
    desk.send(f"/users/{bob.id}/disable")
    assert "Disabled the account of Bob Li" in desk.follow().text and not other.signed_in() and again(bob).state == "disabled"
    desk.send(f"/users/{bob.id}/enable")
    assert again(bob).state == "active" and not other.signed_in()


def test_delete_asks_says_what_ends_and_can_be_undone(desk, bob, app):
    other = Visitor(app).sign_in("bob")
    page = desk.get(desk.get(f"/users/{bob.id}").href("Delete"))
    assert page.h1.startswith("Delete Bob Li") and again(bob).deleted_at is None
    desk.send(f"/users/{bob.id}/delete", reason="left")
    page = desk.follow()
    assert "It can be restored." in page.text and "left" in page.text and not other.signed_in()
    desk.get(f"/users/{bob.id}/edit", 422)
    desk.get(f"/users/{bob.id}")
    desk.send(f"/users/{bob.id}/restore")
    assert again(bob).state == "active" and not other.signed_in()
    other.sign_in("bob")


def test_only_a_deleted_account_can_be_deleted_for_good(desk, bob):
    desk.get(f"/users/{bob.id}/purge", 404)
    users.delete(bob, by=COMMAND_LINE)
    desk.get(desk.get(f"/users/{bob.id}").href("Delete for good"))
    desk.send(f"/users/{bob.id}/purge")
    desk.follow()
    desk.get(f"/users/{bob.id}", 404)
    assert Account.select().count() == 1


def test_who_was_deleted_for_good_is_named_on_a_list_that_has_somebody(desk, bob, carol):
    for account in (bob, carol):
        users.delete(account, by=COMMAND_LINE)
    desk.fill(f"/users/{bob.id}/purge")
    assert "Deleted the account of Bob Li for good." in desk.follow().text and listed(desk.page) == ["Carol Müller"]
    desk.fill(f"/users/{carol.id}/purge")
    page = desk.follow()
    assert "Deleted the account of Carol Müller for good." in page.text and "Who comes in first?" in page.text


def test_asking_for_a_new_password(desk, bob):
    desk.get(f"/users/{bob.id}")
    desk.send(f"/users/{bob.id}/ask-password")
    assert again(bob).must_change_password and "asked for a new password at the next sign-in" in desk.follow().text


def test_the_edit_form_tells_what_is_asked_now_from_what_would_be_asked(desk, bob):
    page = desk.get(f"/users/{bob.id}/edit")
    assert "They are not asked for a new password now." in page.text and "If set, ask for another password at next sign-in" in page.text
    desk.send(f"/users/{bob.id}/edit")
    assert not again(bob).must_change_password, "the tick is about a password that is set here"
    users.ask_for_new_password(bob, by=COMMAND_LINE)
    assert "They will be asked for a new password at the next sign-in." in desk.get(f"/users/{bob.id}/edit").text


def test_the_history_counts_sessions_that_ended_and_none_that_did_not(desk, bob, app):
    desk.fill(f"/users/{bob.id}/edit", password="a first new password")
    assert "Password changed" in desk.get(f"/users/{bob.id}").text and "Sessions ended" not in desk.page.text
    Visitor(app).sign_in("bob", "a first new password")
    desk.fill(f"/users/{bob.id}/edit", password="a second new password")
    assert "Sessions ended1" in desk.get(f"/users/{bob.id}").text


def test_an_administrator_ends_anyones_sessions(desk, bob, app):
    one, two = Visitor(app).sign_in("bob"), Visitor(app).sign_in("bob")
    desk.get(f"/users/{bob.id}")
    number = Session.select().where(Session.account_id == bob.id).order_by(Session.id).first().id
    desk.send(f"/users/{bob.id}/sessions/{number}/end")
    assert not one.signed_in() and two.signed_in()
    desk.follow()
    desk.send(f"/users/{bob.id}/sessions/end")
    assert not two.signed_in() and desk.signed_in()


STEP_UP = {"role": {"role": "2"}, "email": {"email": "b@example.com"}, "password": {"password": "chosen by ada"}}


@pytest.mark.parametrize("fields", STEP_UP.values(), ids=STEP_UP)
def test_a_change_that_matters_asks_who_it_is_after_a_quarter_of_an_hour(desk, bob, clock, fields):
    clock(minutes=16)
    page = desk.fill(f"/users/{bob.id}/edit", 403, first_name="Robert", **fields)
    assert page.h1 == "Confirm that it is you" and again(bob).version == bob.version
    desk.send(f"/users/{bob.id}/edit", 403, confirm_password="wrong password")
    desk.send(f"/users/{bob.id}/edit", confirm_password=PASSWORD)
    saved = again(bob)
    assert saved.first_name == "Robert" and (saved.role, saved.email, saved.password_hash) != (bob.role, bob.email, bob.password_hash)
    desk.fill(f"/users/{bob.id}/edit", first_name="Rob")


def test_a_username_that_is_an_address_is_an_email_change_too(desk, person, clock):
    zoe = person("zoe")
    clock(minutes=16)
    assert desk.fill(f"/users/{zoe.id}/edit", 403, username="zoe@example.com").h1 == "Confirm that it is you"
    assert again(zoe).email is None
    desk.fill(f"/users/{zoe.id}/edit", username="zoe2")
    assert again(zoe).username == "zoe2"


def test_making_an_administrator_asks_who_it_is_after_a_quarter_of_an_hour(desk, clock):
    clock(minutes=16)
    new = {"username": "eve", "password": "a quiet green harbour"}
    assert desk.fill("/users/new", 403, role="2", **new).h1 == "Confirm that it is you" and users.named("eve") is None
    desk.send("/users/new", confirm_password=PASSWORD)
    assert users.named("eve").is_administrator


def test_restoring_and_deleting_for_good_ask_who_it_is(desk, bob, carol, clock):
    for account in (bob, carol):
        users.delete(account, by=COMMAND_LINE)
    clock(minutes=16)
    desk.get(f"/users/{bob.id}")
    assert desk.send(f"/users/{bob.id}/restore", 403).h1 == "Confirm that it is you"
    desk.send(f"/users/{bob.id}/restore", confirm_password=PASSWORD)
    assert again(bob).state == "active"
    clock(minutes=16)
    assert desk.fill(f"/users/{carol.id}/purge", 403).h1 == "Confirm that it is you"
    desk.send(f"/users/{carol.id}/purge", confirm_password=PASSWORD)
    assert Account.select().count() == 2


def test_a_form_that_was_open_for_two_hours_still_works(browser, ada, bob, clock):
    desk = browser.sign_in("ada", remember="y")
    desk.get(f"/users/{bob.id}/edit")
    clock(hours=2)
    desk.send(f"/users/{bob.id}/edit", display_name="Bobby")
    assert again(bob).display_name == "Bobby"


def test_what_was_typed_stays_when_the_account_was_deleted_meanwhile(desk, bob, by_ada):
    desk.get(f"/users/{bob.id}/edit")
    users.delete(bob, by=by_ada)
    page = desk.post(f"/users/{bob.id}/edit", 422, username="bob", first_name="Roberto", role="1", version="1")
    assert "Restore it first" in page.text and page.value("first_name") == "Roberto"
    desk.get(f"/users/{bob.id}/edit", 422)


def test_a_search_without_a_hit_tells_of_deleted_accounts(desk, bob, by_ada):
    assert "deleted account" not in desk.get("/users?q=bob").text
    users.delete(bob, by=by_ada)
    page = desk.get("/users?q=bob")
    assert "Nobody matches" in page.text and "state=deleted" in page.href("1 deleted account matches")
    assert "Bob Li" in desk.get(page.href("1 deleted account matches")).text


def test_who_deletes_the_own_account_is_told_so(desk, ada, bob):
    assert "your own account" in desk.get(f"/users/{ada.id}/delete").text
    assert "your own account" not in desk.get(f"/users/{bob.id}/delete").text
