from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.conftest import PASSWORD
from tests.visitor import Visitor
from webadmin.accounts import users
from webadmin.accounts.models import Role, Session

pytestmark = pytest.mark.usefixtures("ada")      # there is an administrator
EVIL = ["//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example", "https:evil.example",
        "https://evil.example", "https:///evil.example", "http:\\\\evil.example", "//evil.example/users", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
        "data:text/html,x", " //evil.example", "evil.example", "@evil.example", "/users\\..\\\\evil.example", "//127.0.0.1:1@evil.example", "ftp://evil.example",
        "http:///[evil", "//[evil", ":", "#", "?", "", "http://localhost@evil.example/", "\u2028//evil.example"]
BROKEN = ["/users\r\nSet-Cookie: a=b", "/users\nx", "/\t/evil.example", "\x00//evil.example", "/\x0b/evil.example", "\r//evil.example", "/users\x7f"]


def test_signing_in_leads_to_the_users_or_to_my_account(browser, ada, bob, app):
    assert browser.sign_in("ada").location == "/" and browser.get("/", 303) and browser.location == "/users"
    other = Visitor(app).sign_in("bob@example.com")
    other.get("/", 303)
    assert other.location == "/me" and other.follow().h1 == "My account"


def test_somebody_who_is_not_signed_in_comes_back_to_where_they_wanted(browser, ada):
    browser.get("/users?q=ada&state=active", 303)
    assert browser.location == f"/login?next={quote('/users?q=ada&state=active', safe='/')}"
    browser.follow()
    browser.send("/login", name="ada", password=PASSWORD)
    assert browser.location == "/users?q=ada&state=active" and browser.follow().h1.startswith("Users")


@pytest.mark.parametrize("target", EVIL)
def test_nobody_is_sent_to_another_site(browser, ada, target):
    browser.get(f"/login?next={quote(target)}")
    browser.post("/login", name="ada", password=PASSWORD, next=target)
    assert browser.location == "/"
    browser.post("/theme", theme="dark", next=target)
    assert browser.location == "/"


@pytest.mark.parametrize("target", BROKEN)
def test_a_broken_target_is_refused(browser, ada, target):
    browser.get("/login")
    browser.post("/login", 400, name="ada", password=PASSWORD, next=target)
    assert not browser.signed_in()
    browser.get(f"/login?next={quote(target)}", 400)


@pytest.mark.parametrize("target", ["/users?q=%0d%0aSet-Cookie:x", "/users/7", "/%09/e", "/users?q=ü", "/users?a=//x", "/a//b"])
def test_an_address_of_ours_is_gone_to(browser, ada, target):
    browser.get("/login")
    browser.post("/login", name="ada", password=PASSWORD, next=target)
    assert browser.location.startswith("/") and not browser.location.startswith("//") and "\n" not in browser.location


def test_a_wrong_password_says_so_and_keeps_the_name_but_not_the_password(browser, bob):
    page = browser.fill("/login", 403, name="bob", password="wrong password")
    assert "The name or the password is wrong." in page.text and page.value("name") == "bob" and "wrong password" not in page.markup


def test_unknown_wrong_disabled_and_deleted_get_the_same_answer(browser, ada, bob, carol, by_ada, app):
    users.disable(bob, by=by_ada)
    users.delete(carol, by=by_ada)
    answers = set()
    for name, word in (("bob", PASSWORD), ("carol", PASSWORD), ("ada", "wrong"), ("nobody", "wrong")):
        visitor = Visitor(app)
        visitor.fill("/login", 403, name=name, password=word)
        page = visitor.answer.text.replace(visitor.token(), "").replace(f'value="{name}"', "").replace(visitor.answer.headers["X-Request-Id"], "")
        headers = {key: value for key, value in visitor.answer.headers if key not in ("X-Request-Id", "Set-Cookie", "Content-Length")}
        answers.add((page, str(sorted(headers.items()))))
    assert len(answers) == 1


def test_too_many_attempts_say_when_to_come_back(browser, bob):
    for _ in range(10):
        browser.fill("/login", 403, name="bob", password="wrong password")
    page = browser.fill("/login", 429, name="bob", password=PASSWORD)
    assert "Try again in 1 minute." in page.text and 0 < int(browser.answer.headers["Retry-After"]) <= 60


def test_a_browser_that_signed_in_before_is_not_locked_out_by_others(browser, bob, app):
    browser.sign_in("bob")
    browser.post("/logout")
    for number in range(12):
        Visitor(app, source=f"203.0.113.{number}").fill("/login", 403 if number < 10 else 429, name="bob", password="wrong password")
    browser.sign_in("bob")
    assert browser.signed_in()


def test_a_forwarded_address_means_nothing_without_a_declared_proxy(browser, bob):
    for number in range(60):
        browser.get("/login")
        browser.post("/login", 403, headers={"X-Forwarded-For": f"203.0.113.{number}"}, name=f"n{number}", password="wrong password")
    browser.post("/login", 429, headers={"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1"}, name="bob", password=PASSWORD)


def test_empty_fields_are_named(browser, bob):
    page = browser.fill("/login", 422, name="", password="")
    assert "Your username or e-mail is needed." in page.text and "The password is needed." in page.text


def test_signing_out_ends_the_session_on_the_server(browser, bob):
    key = browser.sign_in("bob").cookie()
    assert browser.signed_in()
    browser.post("/logout")
    assert browser.location == "/login" and browser.answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert browser.cookie() == "" and "You are signed out." in browser.follow().text
    browser.set_cookie(key)
    browser.get("/me", 303)
    assert browser.location.startswith("/login")


def test_signing_out_is_a_post(browser, bob):
    browser.sign_in("bob").get("/logout", 405)
    assert browser.answer.headers["Allow"] == "OPTIONS, POST" or set(browser.answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
    assert browser.signed_in()


def test_a_planted_key_is_never_adopted_and_each_sign_in_has_its_own(browser, bob):
    browser.get("/login")
    browser.set_cookie("planted" * 6)
    first = browser.sign_in("bob").cookie()
    assert first not in ("", "planted" * 6)
    browser.get("/login", 303)
    browser.get("/me")
    browser.post("/login", name="bob", password=PASSWORD)
    assert browser.cookie() != first and Session.select().count() == 1
    browser.set_cookie(first)
    assert not browser.signed_in()


def test_remember_me_lasts_thirty_days_and_else_the_cookie_ends_with_the_browser(browser, bob, clock):
    browser.sign_in("bob", remember="y")
    lines = [line for line in browser.answer.headers.getlist("Set-Cookie") if line.startswith("webadmin_session=")]
    assert "Max-Age=2592000" in lines[0]
    clock(days=29)
    assert browser.signed_in()
    clock(days=2)
    assert not browser.signed_in()
    browser.sign_in("bob")
    lines = [line for line in browser.answer.headers.getlist("Set-Cookie") if line.startswith("webadmin_session=")]
    assert "Max-Age" not in lines[0] and "Expires" not in lines[0]
    clock(minutes=61)
    browser.get("/me", 303)


def test_the_session_ends_with_the_account_on_the_very_next_request(browser, ada, bob, by_ada):
    browser.sign_in("bob")
    users.disable(bob, by=by_ada)
    browser.get("/me", 303)


def test_a_demoted_administrator_may_do_nothing_on_the_very_next_request(browser, ada, person, by_ada):
    eve = person("eve", role=Role.ADMINISTRATOR)
    browser.sign_in("eve").get("/users")
    users.update(eve, {"role": Role.USER}, by=by_ada)
    browser.get("/users", 303)
    browser.sign_in("eve").get("/users", 403)


def test_the_theme_stays_over_sign_in_and_out(browser, bob):
    browser.post("/theme", theme="dark", next="/login")
    assert browser.follow().all("html")[0].attrs["data-theme"] == "dark"
    browser.sign_in("bob").get("/me")
    assert browser.page.all("html")[0].attrs["data-theme"] == "dark"
    browser.post("/theme", theme="auto", next="/me")
    assert "data-theme" not in browser.follow().all("html")[0].attrs
    browser.post("/theme", theme='"><script>', next="/me")
    assert "data-theme" not in browser.follow().all("html")[0].attrs


def test_the_form_cookie_tells_nobody_who_is_signed_in(browser, bob):
    import base64
    browser.sign_in("bob").get("/me")
    for name in ("webadmin_form", "webadmin_device", "webadmin_session"):
        for part in browser.cookie(name).replace(".", " ").replace("-", "+").replace("_", "/").split():
            held = base64.b64decode(part + "=" * (-len(part) % 4), validate=False)
            assert b"bob" not in held and b"example.com" not in held


def test_a_person_who_was_asked_for_a_new_password_gets_nowhere_else_first(browser, ada, bob, by_ada):
    users.ask_for_new_password(bob, by=by_ada)
    browser.sign_in("bob")
    for address in ("/", "/me", "/users"):
        browser.get(address, 303)
        assert browser.location == "/password"
    assert browser.follow().h1 == "Choose a new password"
    browser.send("/password", current=PASSWORD, password="a quite new password", confirm="a quite new password")
    assert browser.location == "/me" and browser.follow().h1 == "My account"


def test_somebody_who_was_asked_for_a_new_password_can_still_sign_out(browser, ada, bob, by_ada):
    users.ask_for_new_password(bob, by=by_ada)
    browser.sign_in("bob").get("/password")
    browser.post("/logout")
    assert browser.location == "/login"


def test_a_password_administrators_choose_is_asked_for_anew_unless_unticked(desk, bob, app):
    desk.fill(f"/users/{bob.id}/edit", password="chosen by ada 1")
    visitor = Visitor(app).sign_in("bob", "chosen by ada 1")
    visitor.get("/me", 303)
    assert visitor.location == "/password"
    form = {key: value for key, value in desk.get(f"/users/{bob.id}/edit").form(f"/users/{bob.id}/edit").items() if key != "must_change"}
    desk.post(f"/users/{bob.id}/edit", **{**form, "password": "chosen by ada 2"})
    Visitor(app).sign_in("bob", "chosen by ada 2").get("/me")
