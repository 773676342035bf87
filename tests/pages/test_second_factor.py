"""The second factor in the browser: adding an app, signing in in two steps, recovery codes, and who must have one."""
from __future__ import annotations

import pytest

from tests.conftest import PASSWORD, again
from tests.phone import Phone
from tests.visitor import Visitor
from webadmin.accounts import policies, tokens, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Session
from webadmin.accounts.second_factors import factors

pytestmark = pytest.mark.usefixtures("ada")      # there is an administrator


@pytest.fixture
def home(browser, bob) -> Visitor:
    return browser.sign_in("bob")


def key_on(page) -> str:
    return next(each.text for each in page.all("code") if len(each.text.replace(" ", "")) == 32)


def codes_on(page) -> list[str]:
    return [each.text for each in page.all("code")]


@pytest.fixture
def phone(home, clock) -> Phone:
    """Bob adds an app; `codes` are the recovery codes that he was shown. Then he signs out, and half a minute goes by."""
    made = Phone(key_on(home.get("/me/authenticator")))
    made.codes = codes_on(home.send("/me/authenticator", 200, code=made.code()))
    home.post("/logout")
    clock(seconds=60)
    return made


def owe(browser, name="bob", **fields) -> None:
    browser.sign_in(name, **fields)
    assert browser.location == "/login/second" and browser.cookie() == ""


def test_adding_an_app_shows_ten_codes_once_and_keeps_this_session(home, bob, app):
    other = Visitor(app).sign_in("bob")
    page = home.get("/me/authenticator")
    key = key_on(page)
    assert [len(group) for group in key.split()] == [4] * 8 and page.all("svg", role="img")
    assert key_on(home.get("/me/authenticator")) == key, "the same, however often the page is loaded"
    page = home.send("/me/authenticator", 422, code=Phone(key).wrong())
    assert "This is not the code" in page.text and key_on(page) == key and not factors.of(bob).any
    before = home.cookie()
    page = home.send("/me/authenticator", 200, code=Phone(key).code())
    assert page.h1 == "Put these recovery codes away" and len(codes_on(page)) == 10
    assert home.signed_in() and home.cookie() != before and not other.signed_in()
    home.post("/me/authenticator", 303, code=Phone(key).code())      # loaded again
    assert "The authenticator app is added." in home.follow().text
    page = home.get("/me")
    assert "Authenticator app" in page.text and "10 left" in page.text and "Second factor added" in page.text
    assert key_on(home.get("/me/authenticator")) != key, "the next app has a secret of its own"


def test_the_codes_can_be_kept_as_a_file_without_a_script(home):
    phone = Phone(key_on(home.get("/me/authenticator")))
    codes = codes_on(home.send("/me/authenticator", 200, code=phone.code()))
    boxes = [each.attrs["value"] for each in home.page.all("input", name="codes")]
    home.post("/me/recovery-codes/file", 200, codes=boxes)
    assert boxes == codes and home.answer.mimetype == "text/plain" and all(code in home.answer.text for code in codes)
    assert home.answer.headers["Content-Disposition"] == 'attachment; filename="webadmin-recovery-codes.txt"'


@pytest.mark.parametrize("codes", [[], ["<script>"], ["AAAAA-AAAAA"] * 11, ["AAAAA-AAAAA\r\nx"], ["aaaaa-aaaaa"]])
def test_the_file_says_nothing_but_codes(home, codes):
    home.get("/me")
    home.post("/me/recovery-codes/file", 400, codes=codes)


def test_a_right_password_owes_the_code_and_signs_nobody_in(phone, browser, bob):
    owe(browser)
    assert not Session.select().exists()
    browser.get("/me", 303)
    assert browser.location.startswith("/login")
    page = browser.get("/login/second")
    box = page.all("input", name="code")[0].attrs
    assert page.h1 == "Confirm that it is you" and (box["autocomplete"], box["inputmode"]) == ("one-time-code", "numeric")
    browser.send("/login/second", code=f"{phone.code()[:3]} {phone.code()[3:]}")
    assert browser.location == "/" and browser.signed_in() and browser.cookie("webadmin_device")


def test_the_second_step_goes_where_the_first_wanted_and_remembers(phone, browser, app):
    other = Visitor(app)
    other.get("/me?x=1", 303)
    other.follow()
    other.send("/login", name="bob", password=PASSWORD, remember="y")
    assert not other.cookie("webadmin_device"), "a device is known after both"
    other.follow()
    other.send("/login/second", code=phone.code())
    lines = [line for line in other.answer.headers.getlist("Set-Cookie") if line.startswith("webadmin_session=")]
    assert other.location == "/me?x=1" and "Max-Age=2592000" in lines[0]


def test_a_wrong_code_says_so_and_keeps_nothing(phone, browser):
    owe(browser)
    page = browser.fill("/login/second", 403, code=phone.wrong())
    assert "This code is wrong, or has been used already." in page.text and not browser.signed_in()
    page = browser.fill("/login/second", 422, code="")
    assert "The six digits" in page.text
    browser.fill("/login/second", code=phone.code())
    assert browser.signed_in()


def test_a_used_code_opens_nothing_again(phone, browser, app):
    owe(browser)
    code = phone.code()
    browser.fill("/login/second", code=code)
    other = Visitor(app)
    owe(other)
    other.fill("/login/second", 403, code=code)


def test_a_recovery_code_signs_in_and_says_how_many_are_left(phone, browser):
    owe(browser)
    page = browser.get("/login/second")
    page = browser.get(page.href("Use a recovery code"))
    assert "inputmode" not in page.all("input", name="code")[0].attrs
    browser.send("/login/second?with=recovery", code=phone.codes[0].lower())
    assert browser.location == "/" and "Recovery codes left: 9." in browser.get("/me").text
    browser.post("/logout")
    owe(browser)
    browser.get("/login/second?with=recovery")
    browser.send("/login/second?with=recovery", 403, code=phone.codes[0])


def test_without_a_first_step_there_is_no_second(browser, bob):
    browser.get("/login/second", 303)
    assert browser.location == "/login" and "Sign in again" in browser.follow().text


def test_what_waits_is_this_browsers_alone(phone, browser, app):
    owe(browser)
    stranger = Visitor(app)
    stranger.get("/login")
    stranger.post("/login/second", code=phone.code())
    assert stranger.location == "/login" and not stranger.signed_in()


def test_after_five_minutes_it_begins_anew(phone, browser, clock):
    owe(browser)
    browser.get("/login/second")
    clock(minutes=6)
    browser.send("/login/second", code=phone.code())
    assert browser.location == "/login" and "Sign in again" in browser.follow().text


def test_a_new_password_that_was_asked_for_comes_after_both_steps(phone, browser, bob):
    users.ask_for_new_password(bob, by=COMMAND_LINE)
    owe(browser)
    browser.fill("/login/second", code=phone.code())
    browser.get("/me", 303)
    assert browser.location == "/password"
    browser.fill("/password", current=PASSWORD, password="a quite new password", confirm="a quite new password")
    assert browser.follow().h1 == "My account"


def test_every_step_asks_who_it_is_after_a_quarter_of_an_hour(phone, browser, clock, bob):
    owe(browser)
    browser.fill("/login/second", code=phone.code())
    clock(minutes=16)
    assert "Key" not in browser.get("/me/authenticator", 403).text and browser.page.h1 == "Confirm that it is you"
    for address in ("/me/authenticator", "/me/authenticator/remove", "/me/recovery-codes", "/me/token"):
        assert browser.post(address, 403).h1 == "Confirm that it is you"
    assert factors.of(bob).any and again(bob).token_hash is None


def test_step_up_takes_the_password_or_a_code_of_the_app(phone, browser, clock, bob):
    owe(browser)
    code = phone.code()
    browser.fill("/login/second", code=code)
    clock(minutes=16)
    browser.fill("/me", 403, display_name="Bobby", email="b@example.com")
    page = browser.send("/me", 403, confirm_code=phone.wrong())
    assert "This code is wrong" in page.text
    browser.send("/me", confirm_code=phone.code())
    assert (again(bob).email, again(bob).display_name) == ("b@example.com", "Bobby")
    clock(minutes=16)
    browser.fill("/me", 403, email="c@example.com")
    browser.send("/me", confirm_password=PASSWORD)
    assert again(bob).email == "c@example.com"


def test_step_up_for_an_app_leads_back_to_its_page(home, clock):
    clock(minutes=16)
    home.get("/me/authenticator", 403)
    assert home.send("/me/authenticator", 200, confirm_password=PASSWORD).h1 == "Add an authenticator app"


def test_removing_asks_first_and_says_what_ends(phone, browser, bob):
    owe(browser)
    browser.fill("/login/second", code=phone.code())
    page = browser.get("/me/authenticator/remove")
    assert page.h1 == "Remove the authenticator app?"
    browser.send("/me/authenticator/remove")
    assert "Removed the authenticator app." in browser.follow().text and not factors.of(bob).any
    browser.post("/logout")
    assert browser.sign_in("bob").signed_in()


def test_new_recovery_codes_take_the_place_of_the_old(phone, browser):
    owe(browser)
    browser.fill("/login/second", code=phone.code())
    browser.get("/me")
    page = browser.post("/me/recovery-codes", 200)
    assert len(set(codes_on(page)) | set(phone.codes)) == 20


def test_ones_own_api_token_is_shown_once(home, bob):
    assert "None yet." in home.get("/me").text
    token = next(each.text for each in home.post("/me/token", 200).all("code"))
    assert tokens.read_api_token(token).account == bob and token not in home.get("/me").markup and "You have one." in home.page.text


def test_an_administrator_sees_which_factors_there_are_and_resets_them(phone, desk, bob, app, clock):
    signed_in = Visitor(app)
    owe(signed_in)
    signed_in.fill("/login/second", code=phone.code())
    page = desk.get(f"/users/{bob.id}")
    assert "Authenticator app" in page.text and "10 left" in page.text
    clock(minutes=16)
    desk.get(page.href("Reset"))
    address = f"/users/{bob.id}/reset-factors"
    assert desk.send(address, 403).h1 == "Confirm that it is you" and factors.of(bob).any
    desk.send(address, confirm_password=PASSWORD)
    assert "Reset the second factors of Bob Li" in desk.follow().text and "Second factors reset" in desk.page.text
    assert not factors.of(bob).any and not signed_in.signed_in() and Visitor(app).sign_in("bob").signed_in()
    desk.get(address, 404)


def test_where_the_policy_asks_an_administrator_gets_nowhere_else_first(browser, ada, bob, app):
    policies.change({"second_factor": "administrators"}, by=COMMAND_LINE)
    browser.sign_in("ada")
    for address in ("/", "/users", "/me", f"/users/{bob.id}/edit", "/activity", "/scripts"):
        browser.get(address, 303)
        assert browser.location == "/me/authenticator"
    page = browser.follow()
    assert page.h1 == "Add a second factor" and page.href("add a passkey") == "/me/passkeys/new"
    page = browser.send("/me/authenticator", 200, code=Phone(key_on(page)).code())
    assert len(codes_on(page)) == 10 and browser.get("/users").h1.startswith("Users")
    assert Visitor(app).sign_in("bob").get("/me")


def test_who_must_add_one_can_sign_out_and_change_the_password(browser, ada):
    policies.change({"second_factor": "administrators"}, by=COMMAND_LINE)
    browser.sign_in("ada").get("/password")
    browser.get("/me/authenticator")
    browser.post("/logout")
    assert browser.location == "/login"


def test_the_form_cookie_holds_no_secret(home):
    import base64
    key = key_on(home.get("/me/authenticator")).replace(" ", "")
    held = base64.b64decode(home.cookie("webadmin_form").split(".")[0] + "===", altchars=b"-_")
    assert key.encode() not in held and base64.b32decode(key) not in held and base64.b32decode(key).hex().encode() not in held
