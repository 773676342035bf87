"""Sign in, remember me, sign out, a password that was asked for."""
from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Newcomer
from tests.browser.console import PASSWORD
from tests.browser.person import Person, Way

OTHER = "a longer walk after supper"


def test_right_password_signs_in_by_username_and_by_email(newcomer: Callable[..., Newcomer], arrive: Callable[..., Person],
                                                            way: Way) -> None:
    bob, person = newcomer(), arrive(way=way)
    for name in (bob.username, bob.email):
        person.sign_in(name, PASSWORD)
        expect(person.page.get_by_role("heading", level=1, name="My account")).to_be_visible()
        person.press("Sign out")
        person.told("You are signed out.")


def test_wrong_password_is_refused_and_the_name_is_kept(newcomer: Callable[..., Newcomer], arrive: Callable[..., Person], way: Way) -> None:
    bob, person = newcomer(), arrive(way=way)
    person.sign_in(bob.username, "not this one")
    person.told("The name or the password is wrong.")
    expect(person.page.get_by_label("Username or e-mail")).to_have_value(bob.username)
    expect(person.page.get_by_label("Password", exact=True)).to_have_value("")


def test_sign_in_goes_on_to_the_page_that_was_asked_for(newcomer: Callable[..., Newcomer], arrive: Callable[..., Person], way: Way) -> None:
    bob, person = newcomer(), arrive(way=way)
    person.open("/password")
    expect(person.page).to_have_url(f"{person.address}/login?next=/password")
    person.write("Username or e-mail", bob.username)
    person.write("Password", PASSWORD)
    person.press("Sign in")
    expect(person.page).to_have_url(f"{person.address}/password")


def test_only_remember_me_outlives_the_browser(newcomer: Callable[..., Newcomer], arrive: Callable[..., Person], way: Way) -> None:
    bob, person = newcomer(), arrive(way=way)
    person.sign_in(bob.username, PASSWORD)
    expect(person.page.get_by_role("heading", level=1, name="My account")).to_be_visible()
    assert _expiry(person) == -1
    person.press("Sign out")
    person.write("Username or e-mail", bob.username)
    person.write("Password", PASSWORD)
    person.tick("Remember me for 30 days")
    person.press("Sign in")
    expect(person.page.get_by_role("heading", level=1, name="My account")).to_be_visible()
    assert _expiry(person) > 29 * 24 * 3600


def _expiry(person: Person) -> float:
    now = person.page.evaluate("Date.now() / 1000")
    expires = next(cookie["expires"] for cookie in person.context.cookies() if cookie["name"] == "webadmin_session")
    return expires - now if expires > 0 else expires


def test_password_that_was_asked_for_comes_before_every_page(newcomer: Callable[..., Newcomer], arrive: Callable[..., Person],
                                                           way: Way) -> None:
    bob, person = newcomer(must_change="y"), arrive(way=way)
    person.sign_in(bob.username, PASSWORD)
    expect(person.page.get_by_role("heading", level=1, name="Choose a new password")).to_be_visible()
    person.open("/me")
    expect(person.page).to_have_url(f"{person.address}/password")
    person.write("Current password", PASSWORD)
    person.write("New password", OTHER)
    person.write("Repeat it", OTHER)
    person.press("Change password")
    person.told("Your password is changed.")
    expect(person.page).to_have_url(f"{person.address}/me")


def test_signed_out_browser_shows_nothing_by_its_back_button(newcomer: Callable[..., Newcomer], arrive: Callable[..., Person],
                                                             way: Way) -> None:
    bob, person = newcomer(), arrive(way=way)
    person.sign_in(bob.username, PASSWORD)
    expect(person.page.get_by_label("E-mail")).to_have_value(bob.email)
    person.press("Sign out")
    person.told("You are signed out.")
    person.page.evaluate("history.back()")
    expect(person.page.get_by_role("heading", level=1, name="Sign in")).to_be_visible()
    assert bob.email not in person.page.content()


def test_password_can_be_shown_while_it_is_typed(arrive: Callable[..., Person]) -> None:
    person = arrive()
    person.open("/login")
    person.write("Password", "to be seen")
    show = person.page.get_by_role("button", name="Show")
    show.click()
    expect(person.page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    expect(show).to_have_attribute("aria-pressed", "true")
    show.click()
    expect(person.page.get_by_label("Password", exact=True)).to_have_attribute("type", "password")
