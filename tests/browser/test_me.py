"""My account: profile, password, sessions, theme."""
from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Newcomer
from tests.browser.console import PASSWORD, Office
from tests.browser.person import Person, Way

OTHER = "a longer walk after supper"


@pytest.fixture
def bob(newcomer: Callable[..., Newcomer]) -> Newcomer:
    return newcomer()


@pytest.fixture
def person(arrive: Callable[..., Person], bob: Newcomer, elsewhere: Callable[[Newcomer], Office], way: Way) -> Person:
    """Bob, signed in, three ways."""
    person = arrive(way=way, storage_state=elsewhere(bob).request.storage_state())
    person.open("/me")
    expect(person.page.get_by_role("heading", level=1, name="My account")).to_be_visible()
    return person


@pytest.fixture
def other(bob: Newcomer, elsewhere: Callable[[Newcomer], Office]) -> Office:
    """Bob, signed in elsewhere."""
    other = elsewhere(bob)
    assert other.led_to("/me") == "/me"
    return other


def test_own_profile_is_saved(person: Person) -> None:
    person.write("Display name", "Roberta")
    person.press("Save")
    person.told("Saved.")
    expect(person.page.get_by_label("Display name")).to_have_value("Roberta")
    expect(person.page.get_by_role("region", name="History")).to_contain_text("Roberta")


def test_changed_password_ends_the_other_sessions(person: Person, other: Office, bob: Newcomer) -> None:
    person.press("Change password", inside=person.page.get_by_role("main"))
    person.write("Current password", PASSWORD)
    person.write("New password", OTHER)
    person.write("Repeat it", OTHER)
    person.press("Change password", inside=person.page.get_by_role("main"))
    person.told("Your password is changed.")
    assert other.led_to("/me") == "/login"
    person.press("Sign out")
    person.told("You are signed out.")
    person.sign_in(bob.username, PASSWORD)
    person.told("The name or the password is wrong.")


def test_wrong_current_password_changes_nothing(person: Person) -> None:
    person.open("/password")
    person.write("Current password", "not this one")
    person.write("New password", OTHER)
    person.write("Repeat it", "something else entirely")
    person.press("Change password")
    expect(person.page.get_by_text("The two new passwords are not the same.").first).to_be_visible()
    person.write("Current password", "not this one")
    person.write("New password", OTHER)
    person.write("Repeat it", OTHER)
    person.press("Change password")
    expect(person.page.get_by_text("This is not your current password.").first).to_be_visible()


def test_session_elsewhere_can_be_ended(person: Person, other: Office) -> None:
    person.page.reload()
    sessions = person.page.get_by_role("region", name="Sessions").get_by_role("listitem")
    expect(sessions).to_have_count(2)
    person.follow(sessions.filter(has_not_text="This one").get_by_role("button"))
    person.told("Ended that session.")
    expect(sessions).to_have_count(1)
    assert other.led_to("/me") == "/login"


def test_all_other_sessions_can_be_ended_at_once(person: Person, other: Office) -> None:
    person.page.reload()
    person.press("End all others")
    person.told("Ended every other session.")
    assert other.led_to("/me") == "/login"
    person.open("/me")
    expect(person.page.get_by_role("heading", level=1, name="My account")).to_be_visible()


def test_theme_is_switched_and_kept_on_the_same_page(person: Person, bob: Newcomer) -> None:
    person.choose_in_menu("Signed in as", "Dark")
    expect(person.page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(person.page).to_have_url(f"{person.address}/me")
    person.press("Sign out")
    expect(person.page.locator("html")).to_have_attribute("data-theme", "dark")
    person.sign_in(bob.username, PASSWORD)
    person.choose_in_menu("Signed in as", "As the device")
    expect(person.page.locator("html")).not_to_have_attribute("data-theme", "dark")


def test_ordinary_account_sees_only_its_own_pages(person: Person) -> None:
    menu = person.page.get_by_role("navigation", name="Main")
    expect(menu.get_by_role("link", name="My account")).to_be_visible()
    expect(menu.get_by_role("link", name="Users").or_(menu.get_by_role("link", name="Activity"))).to_have_count(0)
    for path in ("/users", "/users/1", "/activity", "/users/new"):
        person.open(path)
        expect(person.page.get_by_role("heading", level=1, name="Not for this account")).to_be_visible()
