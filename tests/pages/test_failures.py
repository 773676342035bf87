"""What goes wrong is a page with a sentence, a way out and every header."""
from __future__ import annotations

import logging

import pytest

from tests.visitor import Visitor, check_headers
from webadmin.accounts import users
from webadmin.store import database


@pytest.mark.parametrize("address", ["/nothing", "/users/1/nothing", "/users/new/x", "/static/x.css", "/.git/config", "/.env", "/console", "/?__debugger__=yes&cmd=resource&f=x",
                                     "/server-status", "/%00", "/%ff", "/users%0d%0aX:1"])
def test_an_address_that_there_is_not(desk, address):
    if address.startswith("/?"):
        desk.get(address, 303)
    else:
        page = desk.get(address, 404)
        assert "There is no such page" in page.text and page.all("a")


def test_a_method_that_an_address_does_not_take_names_those_it_does(desk):
    for method, address, allowed in (("DELETE", "/users", {"GET", "HEAD", "OPTIONS"}), ("GET", "/users/1/disable", {"POST", "OPTIONS"}), ("PUT", "/me", {"GET", "HEAD", "OPTIONS", "POST"})):
        answer = desk.client.open(address, method=method)
        desk._take(answer, 405 if method == "GET" else answer.status_code)
        assert answer.status_code in (400, 405)
        if answer.status_code == 405:
            assert set(answer.headers["Allow"].split(", ")) == allowed
    assert desk.client.open("/users", method="TRACE").status_code == 405


def test_too_large_a_form_is_a_413(desk):
    desk.get("/users/new")
    desk.post("/users/new", 413, username="x" * 300_000)


def test_too_long_an_address_is_a_414(desk):
    desk.get(f"/users?q={'x' * 9000}", 414)


def test_a_broken_store_is_a_503_and_never_an_open_door(desk, bob, caplog):
    database.proxy.obj.execute_sql("ALTER TABLE session RENAME TO elsewhere")
    caplog.set_level(logging.CRITICAL)
    page = desk.get("/users", 503)
    assert "nothing was lost" in page.text.lower() and desk.answer.headers["Retry-After"] and "elsewhere" not in page.markup and "session" not in page.text
    desk.client.post(f"/users/{bob.id}/delete")
    assert users.find(bob.id).deleted_at is None


def test_an_unforeseen_failure_is_a_500_with_a_number_to_ask_for(desk, monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr("webadmin.accounts.users.find", lambda *_: 1 / 0)
    page = desk.get("/users/1", 500)
    assert desk.answer.headers["X-Request-Id"] in page.text and "division" not in page.markup and "Traceback" not in page.markup


def test_many_hashings_at_once_are_a_503_with_a_time_to_come_back(browser, ada, monkeypatch):
    from webadmin.accounts import errors, passwords

    def busy(*_, **__):
        raise errors.Busy
    monkeypatch.setattr(passwords, "matches", busy)
    page = browser.fill("/login", 503, name="ada", password="three green boats")
    assert int(browser.answer.headers["Retry-After"]) > 0 and "Very many people" in page.text and page.value("name") == "ada"


def test_a_stranger_learns_nothing_from_a_missing_page(app, ada):
    visitor = Visitor(app)
    page = visitor.get("/nothing", 404)
    assert "Sign out" not in page.markup


def test_static_files_may_be_kept_for_good_and_have_the_headers_too(desk):
    page = desk.get("/users")
    for element in page.all("link") + page.all("script"):
        answer = desk.client.get(element.attrs.get("href") or element.attrs["src"], headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Content-Type"] += "; charset=utf-8"
        check_headers(answer)
        assert "Set-Cookie" not in answer.headers
