from __future__ import annotations

import pytest

from tests.conftest import PASSWORD, again
from tests.visitor import Visitor
from webadmin.accounts import passwords, sessions, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account, Session

NEW = "a quite new password"


@pytest.fixture
def home(browser, ada, bob) -> Visitor:
    return browser.sign_in("bob")


def test_a_person_changes_their_own_profile(home, bob):
    home.fill("/me", display_name="Bobby", first_name="Bob", last_name="Li")
    assert "Saved." in home.follow().text and again(bob).display_name == "Bobby"


def test_a_display_name_that_nobody_typed_goes_with_the_email(browser, ada, person):
    browser.sign_in(person("eve@example.com").username)
    browser.fill("/me", email="eve.b@example.com")
    assert Account.get(Account.username == "eve.b@example.com").display_name == "eve.b@example.com"


@pytest.mark.parametrize("field", ["role", "username", "is_chirpy_red", "password_hash", "id", "active", "epoch", "expires_at", "must_change_password", "shelf"])
def test_a_person_changes_nothing_else_whatever_is_sent(home, bob, field):
    before = again(bob).__data__
    home.fill("/me", **{field: "2"})
    assert {name for name, value in again(bob).__data__.items() if before[name] != value} == set()


def test_what_was_typed_stays_when_it_is_refused(home, bob):
    page = home.fill("/me", 422, display_name="Bobby", email="nowhere")
    assert page.value("display_name") == "Bobby" and page.value("email") == "nowhere" and "This is not an e-mail address" in page.text
    page = home.fill("/me", 422, email="ada@example.com")
    assert "Another account has this e-mail address." in page.text and again(bob).email == "bob@example.com"


def test_a_stale_profile_shows_both_values_and_saves_on_top_when_sent_again(home, bob):
    home.get("/me")
    users.update(bob, {"display_name": "Robert Li"}, by=COMMAND_LINE)
    page = home.send("/me", 409, first_name="Bobby")
    assert "Robert Li" in page.text and "Bobby" in page.text and page.value("first_name") == "Bobby"
    assert again(bob).display_name == "Robert Li" and again(bob).first_name == ""
    home.send("/me")
    assert again(bob).first_name == "Bobby" and again(bob).display_name == "Bob Li"


def test_a_stale_profile_that_says_the_same_tells_that_something_else_was_changed(home, bob):
    home.get("/me")
    users.ask_for_new_password(bob, by=COMMAND_LINE)
    users.change_password(bob, NEW, by=COMMAND_LINE, keep=sessions.Kept(session=Session.get().id))
    assert "they changed something else" in home.send("/me", 409).text
    home.send("/me")


def test_an_email_change_asks_who_it_is_after_a_quarter_of_an_hour_and_keeps_the_form(home, bob, clock):
    clock(minutes=16)
    page = home.fill("/me", 403, display_name="Bobby", email="b@example.com")
    assert page.h1 == "Confirm that it is you" and again(bob).email == "bob@example.com"
    page = home.send("/me", 403, confirm_password="wrong password")
    assert "wrong" in page.text and again(bob).email == "bob@example.com"
    key = home.cookie()
    home.send("/me", confirm_password=PASSWORD)
    assert (again(bob).email, again(bob).display_name) == ("b@example.com", "Bobby") and home.cookie() != key and home.signed_in()
    home.fill("/me", email="b2@example.com")


def test_other_changes_ask_nothing(home, bob, clock):
    clock(minutes=16)
    home.fill("/me", display_name="Bobby")
    assert again(bob).display_name == "Bobby"


def test_a_password_change_needs_the_current_one_and_ends_every_other_session(home, bob, app):
    others = [Visitor(app).sign_in("bob") for _ in range(2)]
    key = home.cookie()
    home.fill("/password", current=PASSWORD, password=NEW, confirm=NEW)
    assert home.location == "/me" and "Every other session has ended" in home.follow().text and home.cookie() != key
    assert not any(other.signed_in() for other in others)
    home.set_cookie(key)
    assert not home.signed_in()
    Visitor(app).sign_in("bob", NEW)


@pytest.mark.parametrize("fields, words", [
    ({"current": "wrong password"}, "This is not your current password."), ({"confirm": "another new password"}, "The two new passwords are not the same."),
    ({"password": "short", "confirm": "short"}, "at least 8 characters"), ({"password": "password1", "confirm": "password1"}, "commonest"),
    ({"password": "bob@example.com", "confirm": "bob@example.com"}, "own name"), ({"password": "", "confirm": ""}, "A password is needed."),
    ({"current": ""}, "The password is needed."), ({"password": "x" * 129, "confirm": "x" * 129}, "at most 128")])
def test_what_is_wrong_with_a_password_stands_beside_it(home, bob, fields, words):
    page = home.fill("/password", 422, **{"current": PASSWORD, "password": NEW, "confirm": NEW, **fields})
    assert words in page.text and not any(box.attrs.get("value") for box in page.all("input", type="password"))
    assert passwords.matches(PASSWORD, again(bob).password_hash, "bcrypt")


def test_everything_that_is_wrong_with_a_new_password_is_named_at_once(home, bob):
    page = home.fill("/password", 422, current="wrong password", password="short", confirm="another")
    for words in ("This is not your current password.", "at least 8 characters", "The two new passwords are not the same."):
        assert words in page.text
    page = home.fill("/password", 422, current=PASSWORD, password=NEW, confirm="another")
    assert "not your current password" not in page.text and "not the same" in page.text and home.signed_in()


@pytest.mark.parametrize("confirm", [NEW, "another"])
def test_a_wrong_current_password_counts_as_a_failed_sign_in(home, bob, confirm):
    for _ in range(10):
        home.fill("/password", 422, current="wrong password", password=NEW, confirm=confirm)
    home.fill("/password", 429, current=PASSWORD, password=NEW, confirm=NEW)
    assert int(home.answer.headers["Retry-After"]) > 0


def test_password_fields_help_password_managers(home):
    page = home.get("/password")
    assert {box.attrs["name"]: box.attrs["autocomplete"] for box in page.all("input", type="password")} == {
        "current": "current-password", "password": "new-password", "confirm": "new-password"}
    assert not [box for box in page.all("input", type="password") if int(box.attrs.get("maxlength", 128)) < 128]


def test_sessions_are_listed_and_each_can_be_ended(home, bob, app):
    other = Visitor(app)
    other.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (iPhone) Safari/604.1"
    other.sign_in("bob")
    page = home.get("/me")
    assert "Safari on iPhone" in page.text and "This one" in page.text
    newest = Session.select().order_by(Session.id.desc()).first()
    home.post(f"/me/sessions/{newest.id}/end")
    assert home.signed_in() and not other.signed_in()
    home.get("/me")
    home.post(f"/me/sessions/{newest.id}/end", 404)


def test_all_other_sessions_end_at_once(home, bob, app):
    others = [Visitor(app).sign_in("bob") for _ in range(3)]
    home.get("/me")
    home.post("/me/sessions/end")
    assert home.signed_in() and not any(other.signed_in() for other in others)


def test_a_session_of_someone_else_cannot_be_ended(home, ada, app):
    other = Visitor(app).sign_in("ada")
    number = Session.select().where(Session.account_id == ada.id).get().id
    home.get("/me")
    home.post(f"/me/sessions/{number}/end", 404)
    missing = home.page.h1, home.answer.status_code
    home.get("/me")
    home.post("/me/sessions/999999/end", 404)
    assert (home.page.h1, home.answer.status_code) == missing and other.signed_in()


def test_ones_own_history_and_sign_ins_are_shown(home, bob):
    home.fill("/me", first_name="Robert")
    page = home.get("/me")
    assert "Account changed" in page.text and "Robert" in page.text and "Signed in" in page.text
    assert Account.select().count() == 2
