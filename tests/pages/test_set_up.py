from __future__ import annotations

import pytest

from tests.conftest import PASSWORD, at_once
from tests.visitor import Visitor
from webadmin import start
from webadmin.accounts import links
from webadmin.accounts.models import Account, Role

NEEDED = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
def link(browser) -> str:
    return f"/setup/{links.make_set_up()}"


def test_the_link_makes_the_first_administrator_who_is_then_signed_in(browser, link):
    assert browser.get(link).h1
    browser.fill(link, **NEEDED)
    assert browser.location == "/" and Account.get().role == Role.ADMINISTRATOR
    assert "You are the first administrator." in browser.get("/users").text


def test_from_nothing_to_the_first_ordinary_user_in_four_steps(browser, link):
    browser.get(link)                                   # 1: the printed link
    browser.send(link, **NEEDED)                        # 2: a name and a password
    page = browser.get("/users")
    browser.get(page.href("New user"))                  # 3: the button of the empty list
    browser.send("/users/new", username="bob", password="a password for bob")       # 4: the form
    assert browser.follow().h1 == "bob"


def test_the_link_is_gone_once_it_is_used(browser, link, app):
    browser.fill(link, **NEEDED)
    for visitor in (browser, Visitor(app)):
        visitor.get(link, 404)
        visitor.get("/me" if visitor is browser else "/login")
        visitor.post(link, 404, **{**NEEDED, "username": "eve"})
    assert Account.select().count() == 1


def test_two_who_post_it_at_once_make_one_administrator(app, store, link):
    visitors = [Visitor(app), Visitor(app)]
    forms = [visitor.get(link).form(link) for visitor in visitors]
    posts = [lambda visitor=visitor, form=form, name=name: visitor.client.post(link, data={**form, **NEEDED, "username": name, "email": ""})
             for visitor, form, name in zip(visitors, forms, ("ada", "eve"), strict=True)]
    assert sorted(answer.status_code for answer in at_once(*posts)) == [303, 404]
    assert Account.select().count() == 1


def test_a_get_uses_nothing_up(browser, link):
    for _ in range(3):
        browser.get(link)
    browser.client.head(link)
    browser.fill(link, **NEEDED)


def test_a_mistake_uses_nothing_up_and_keeps_what_was_typed(browser, link):
    page = browser.fill(link, 422, **{**NEEDED, "password": "password1"})
    assert page.value("username") == "ada" and page.value("email") == "ada@example.com" and page.value("password") == ""
    assert "password1" not in page.markup and "commonest" in page.text
    browser.send(link, 422, username="a b", password=PASSWORD)
    browser.send(link, **NEEDED)


@pytest.mark.parametrize("token", ["x", "x" * 43, "%00", "%ff", "..%2f", "x" * 3000])
def test_another_token_opens_nothing(browser, link, token):
    browser.get(f"/setup/{token}", 404)


def test_an_old_link_and_one_that_was_replaced_open_nothing(browser, link, clock, settings):
    newer = start.set_up_link(settings)
    browser.get(link, 404)
    browser.get(newer.removeprefix(settings.address))
    clock(minutes=61)
    browser.get(newer.removeprefix(settings.address), 404)


def test_until_then_every_page_says_what_to_do(browser):
    for address in ("/", "/login", "/users", "/users/1", "/me", "/activity"):
        assert "setup-link" in browser.get(address, 503).text
    assert browser.client.get("/static/nothing").status_code == 404
    for name, password in (("admin", "admin"), ("root", "root"), ("webadmin", "webadmin")):
        browser.client.post("/login", data={"name": name, "password": password})
        assert browser.client.get("/users").status_code == 503


def test_links_name_the_configured_host_and_not_the_one_that_was_asked(settings, store):
    assert start.set_up_link(settings).startswith("http://127.0.0.1:5000/setup/")
