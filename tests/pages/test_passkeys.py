"""Passkeys at the doors of the browser: only where the address can have them, and what each page does with an answer."""
from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.authenticator import Authenticator
from tests.conftest import PASSWORD, again
from tests.visitor import Visitor
from webadmin import create_app
from webadmin.accounts import users
from webadmin.accounts.models import Session
from webadmin.accounts.second_factors import factors, passkeys, recovery

URL = "https://accounts.example.com"


@pytest.fixture
def home(browser, ada, bob) -> Visitor:
    return browser.sign_in("bob")


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


def asked(visitor: Visitor, address: str, status: int = 200) -> dict:
    """What passkeys.js fetches there."""
    answer = visitor.client.post(address, headers={"X-CSRFToken": visitor.token()})
    assert answer.status_code == status, answer.text
    return json.loads(answer.text) if status == 200 else {}


def add(visitor: Visitor, device: Authenticator, status: int = 200, **fields: str) -> Visitor:
    visitor.get("/me/passkeys/new")
    visitor.send("/me/passkeys/new", status, passkey=device.create(asked(visitor, "/me/passkeys/ask")), **fields)
    return visitor


def sign_in(visitor: Visitor, device: Authenticator, status: int = 303, **fields: str) -> Visitor:
    visitor.get("/login")
    visitor.send("/login", status, passkey=device.get(asked(visitor, "/login/passkey")), **fields)
    return visitor


def test_a_passkey_is_added_and_its_recovery_codes_are_shown_once(home, bob, device):
    key = home.cookie()
    page = add(home, device, name="Phone").page
    assert page.h1 == "Put these recovery codes away" and len(page.all("input", name="codes")) == 10 and home.cookie() != key
    page = home.get("/me")
    assert "Phone" in page.text and "never used" in page.text and "10 left" in page.text
    add(home, device, 303, name="Key")
    assert "Added the passkey. Every other session has ended." in home.follow().text and len(factors.of(bob).passkeys) == 2


def test_its_name_is_the_devices_unless_the_person_chooses_one(home):
    home.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (X11; Linux) Firefox/140.0"
    assert home.get("/me/passkeys/new").value("name") == "Firefox on Linux"


def test_adding_one_asks_who_it_is_after_a_quarter_of_an_hour(home, bob, device, clock):
    clock(minutes=16)
    assert home.get("/me/passkeys/new", 403).h1 == "Confirm that it is you"
    page = home.send("/me/passkeys/new", 200, confirm_password=PASSWORD)
    assert page.h1 == "Add a passkey"
    clock(minutes=16)
    home.post("/me/passkeys/new", 403, name="Phone", passkey=device.create(asked(home, "/me/passkeys/ask")))
    assert not factors.of(bob).passkeys


@pytest.mark.parametrize("name, words", [("", "A name is needed."), ("x" * 61, "longer than 60"), ("a\u202eb", "cannot be seen")])
def test_what_is_wrong_with_the_name_stands_beside_it(home, bob, device, name, words):
    assert words in add(home, device, 422, name=name).page.text and not factors.of(bob).passkeys


def test_junk_for_a_passkey_is_told_in_a_sentence(home, bob):
    home.get("/me/passkeys/new")
    assert "not accepted" in home.send("/me/passkeys/new", 403, passkey="{").text and not factors.of(bob).passkeys


def test_it_signs_in_without_name_and_password(home, bob, device, app):
    add(home, device, name="Phone")
    other = sign_in(Visitor(app), device, next="/password")
    assert other.location == "/password" and other.signed_in()
    assert "Signed inPasskey “Phone”, 127.0.0.1" in other.get("/me").text and again(bob).last_signed_in_at > 0


def test_it_can_be_remembered(home, device, app):
    add(home, device)
    sign_in(Visitor(app), device, remember="y")
    assert Session.select().order_by(Session.id.desc()).get().remember


def test_a_planted_session_dies_and_forms_are_new(home, ada, bob, device, app):
    add(home, device)
    other = Visitor(app)
    token, key = other.token(), sign_in(other, device).cookie()
    other.client.post("/logout", data={"csrf_token": token})
    assert other.signed_in() and other.cookie() == key


def test_one_answer_signs_in_once(home, device, app):
    add(home, device)
    other = Visitor(app)
    other.get("/login")
    answer = device.get(asked(other, "/login/passkey"))
    other.send("/login", passkey=answer)
    third = Visitor(app)
    third.get("/login")
    assert "This passkey was not accepted" in third.send("/login", 403, passkey=answer).text and not third.signed_in()


def test_every_refusal_is_the_same_page(home, ada, bob, by_ada, device, app):
    add(home, device)
    def refused(answer: str) -> str:
        visitor = Visitor(app)
        visitor.get("/login")
        return visitor.send("/login", 403, passkey=answer).text
    visitor = Visitor(app)
    visitor.get("/login")
    told = {refused("junk"), refused(device.get(asked(visitor, "/login/passkey"), signature=b"no"))}
    users.disable(bob, by=by_ada)
    told.add(refused(device.get(asked(visitor, "/login/passkey"))))
    assert len(told) == 1


def test_it_is_the_second_step_after_the_password(home, bob, device, app):
    add(home, device)
    other = Visitor(app).sign_in("bob", next="/password")
    assert other.location == "/login/second" and not other.signed_in()
    page = other.get("/login/second")
    assert page.says("button", "Use a passkey") and "with your passkey" in page.text
    answer = device.get(asked(other, "/login/second/passkey"), signature=b"no")
    assert "This passkey was not accepted" in other.send("/login/second", 403, passkey=answer).text
    other.send("/login/second", passkey=device.get(asked(other, "/login/second/passkey")))
    assert other.location == "/password" and other.signed_in()


def test_a_recovery_code_stands_in_for_it(home, bob, device, app):
    codes = [each.attrs["value"] for each in add(home, device).page.all("input", name="codes")]
    other = Visitor(app).sign_in("bob")
    other.get("/login/second")
    other.fill(other.page.href("Use a recovery code"), code=codes[0])
    assert other.signed_in() and recovery.left(bob) == 9


def test_where_it_cannot_be_used_the_second_step_asks_for_a_recovery_code(home, bob, device, app):
    add(home, device)
    other = Visitor(app).sign_in("bob")
    other.client.set_cookie("webadmin_form", other.cookie("webadmin_form"), domain="127.0.0.1")
    page = other.get("/login/second", headers={"Host": "127.0.0.1:5000"})
    assert "with one of the recovery codes" in page.text and "passkey" not in page.text


def test_without_a_waiting_sign_in_there_is_nothing_to_ask(browser, ada):
    asked(browser, "/login/second/passkey", 404)


def test_it_confirms_who_sits_there(home, bob, device, clock):
    add(home, device)
    clock(minutes=16)
    page = home.fill("/me", 403, email="b@example.com")
    assert page.says("button", "Use a passkey")
    wrong = device.get(asked(home, "/me/passkeys/confirm"), signature=b"no")
    assert "This passkey was not accepted" in home.send("/me", 403, confirm_passkey=wrong).text and again(bob).email == "bob@example.com"
    home.send("/me", confirm_passkey=device.get(asked(home, "/me/passkeys/confirm")))
    assert again(bob).email == "b@example.com"


def test_who_has_none_is_not_offered_one_to_confirm_with(home, clock):
    clock(minutes=16)
    assert not home.fill("/me", 403, email="b@example.com").says("button", "Use a passkey")


def test_it_is_renamed_and_removed(home, bob, device, app, clock):
    add(home, device, name="Phone")
    number = factors.of(bob).passkeys[0].id
    assert home.get(f"/me/passkeys/{number}").value("name") == "Phone"
    assert "A name is needed." in home.send(f"/me/passkeys/{number}", 422, name=" ").text
    home.fill(f"/me/passkeys/{number}", name="<b>Old</b> phone")
    assert "<b>Old</b> phone" in home.get("/me").text
    clock(minutes=16)
    assert "<b>Old</b> phone" in home.get(f"/me/passkeys/{number}/remove").h1
    home.send(f"/me/passkeys/{number}/remove", 403)
    home.send(f"/me/passkeys/{number}/remove", confirm_password=PASSWORD)
    assert "Removed the passkey “<b>Old</b> phone”" in home.follow().text and not factors.of(bob).any


def test_a_passkey_of_someone_else_is_not_there(home, ada, device, app):
    add(Visitor(app).sign_in("ada"), device)
    number = factors.of(ada).passkeys[0].id
    for address in (f"/me/passkeys/{number}", f"/me/passkeys/{number}/remove"):
        home.get(address, 404)
        home.get("/me")
        home.post(address, 404, name="Mine")
    assert factors.of(ada).passkeys[0].name != "Mine"


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "accounts.example.com", "192.0.2.7"])
def test_where_the_address_cannot_have_passkeys_nothing_claims_them(home, bob, device, host, app):
    add(home, device, name="Phone")
    for name in ("webadmin_session", "webadmin_form"):
        home.client.set_cookie(name, home.cookie(name), domain=host.partition(":")[0])
    page = home.get("/me", headers={"Host": host})
    assert "Passkeys need an address with a name" in page.text and not page.says("a", "Add a passkey") and "works at localhost only" in page.text
    home.get("/me/passkeys/new", 404, headers={"Host": host})
    stranger = Visitor(app)
    assert "passkey" not in stranger.get("/login", headers={"Host": host}).text
    for visitor, address in ((stranger, "/login/passkey"), (home, "/me/passkeys/ask"), (home, "/me/passkeys/confirm")):
        assert visitor.client.post(address, headers={"X-CSRFToken": visitor.token(), "Host": host}).status_code == 404, address
    answer = device.get(asked(Visitor(app), "/login/passkey"))
    assert "Your username or e-mail is needed." in stranger.post("/login", 422, headers={"Host": host}, passkey=answer).text


def test_with_a_public_address_passkeys_are_that_ones(settings, store, ada):
    public = Visitor(create_app(replace(settings, url=URL)))
    public.get("/login", base_url=URL)
    answer = public.client.post("/login/passkey", base_url=URL, headers={"X-CSRFToken": public.token(), "Referer": URL})
    assert json.loads(answer.text)["rpId"] == "accounts.example.com"
    assert "passkey" not in public.get("/login", base_url="https://localhost").text


def test_what_the_browser_is_asked_needs_the_token_and_is_kept_nowhere(home, device, app):
    visitor = Visitor(app)
    visitor.get("/login")
    assert visitor.client.post("/login/passkey").status_code == 400
    answer = visitor.client.post("/login/passkey", headers={"X-CSRFToken": visitor.token()})
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert visitor.client.post("/login/passkey", headers={"X-CSRFToken": visitor.token(), "Sec-Fetch-Site": "same-site"}).status_code == 403


def test_an_account_with_twenty_is_told_so(home, bob, device, monkeypatch):
    monkeypatch.setattr(passkeys, "MOST", 1)
    add(home, device)
    asked(home, "/me/passkeys/ask", 422)
